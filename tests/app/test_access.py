"""The door over HTTP: who gets in, with what, and what is noted of it."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from app import keys
from app.clock import utc_now
from app.db import Database
from app.main import create_app
from app.models import ApiKey
from app.settings import Settings
from tests.app.keyed import bearer, make_key
from tests.fakes import FakeAnswerer

ADMIN = {"admin"}


@pytest.fixture
def api_settings(api_settings: Settings) -> Settings:
    """Settings of a server that asks for keys."""
    return api_settings.model_copy(update={"auth": "keys"})


@pytest.fixture
def admin(client: TestClient, database: Database) -> Iterator[TestClient]:
    """The client with a key for keys."""
    client.headers.update(bearer(make_key(database, "root", scopes=ADMIN).secret))
    return client


def last_use(database: Database, key_id: str) -> object:
    with database.reading() as session:
        return session.scalars(select(ApiKey.last_used_at).where(ApiKey.id == key_id)).one()


def test_request_without_a_key_is_told_what_to_send(client: TestClient) -> None:
    """The refusal is a problem that names the header."""
    response = client.get("/documents")

    assert (response.status_code, response.json()["code"]) == (401, "unauthenticated")
    assert response.headers["www-authenticate"] == "Bearer"
    assert "Authorization: Bearer lift_" in response.json()["detail"]


@pytest.mark.parametrize("path", ["/nothing", "/documents/", "/docs", "/healthz/"])
def test_paths_that_there_are_not_are_shut_too(client: TestClient, path: str) -> None:
    """Without a key nobody hears which paths there are."""
    assert client.get(path).status_code == 401


def test_upload_without_a_key_is_refused_before_it_is_read(client: TestClient) -> None:
    """A stranger hears nothing of the rules for bodies, not even that one is too large."""
    response = client.post("/documents", content=b"x" * 200_000)

    assert response.status_code == 401


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.json", "/openapi-3.0.json"])
def test_health_and_interface_are_open(client: TestClient, path: str) -> None:
    """Probes and generators need no key."""
    assert client.get(path).status_code in (200, 503)


def test_key_opens_the_door(client: TestClient, database: Database) -> None:
    """With a key there is a list, an empty one."""
    response = client.get("/documents", headers=bearer(make_key(database).secret))

    assert (response.status_code, response.json()["data"]) == (200, [])


def test_revoked_key_shuts_it_at_the_next_request(client: TestClient, database: Database) -> None:
    """Nothing remembers who was let in before."""
    row, secret = make_key(database)
    assert client.get("/documents", headers=bearer(secret)).status_code == 200
    with database.writing() as session:
        keys.revoke(session, row.id, utc_now())

    response = client.get("/documents", headers=bearer(secret))

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer error="invalid_token"'


def test_missing_scope_is_named(client: TestClient, database: Database) -> None:
    """A key for reading uploads nothing, and hears what it lacks."""
    headers = bearer(make_key(database, scopes={"read"}).secret)

    response = client.post("/documents", json={"text": "x"}, headers=headers)

    assert (response.status_code, response.json()["code"]) == (403, "scope_missing")
    assert response.json()["scope"] == "write"


def test_use_of_a_key_is_noted_once_a_minute(client: TestClient, database: Database) -> None:
    """The first use is written down, the next one within a minute is not, a later one is."""
    row, secret = make_key(database)
    assert last_use(database, row.id) is None
    client.get("/documents", headers=bearer(secret))
    first = last_use(database, row.id)
    client.get("/documents", headers=bearer(secret))
    second = last_use(database, row.id)
    with database.writing() as session:
        long_ago = utc_now() - timedelta(seconds=61)
        keys.note_use(session, row.id, long_ago)

    client.get("/documents", headers=bearer(secret))

    assert first is not None
    assert second == first
    assert last_use(database, row.id) not in (None, first, long_ago)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_use_that_cannot_be_noted_fails_no_request(
    client: TestClient, database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    """A table that cannot be written to costs the note, and the log says so."""
    refuse = "CREATE TRIGGER no BEFORE UPDATE ON api_keys BEGIN SELECT RAISE(ABORT, 'no'); END"
    secret = make_key(database).secret
    with database.engine.begin() as connection:
        connection.exec_driver_sql(refuse)

    response = client.get("/documents", headers=bearer(secret))

    assert response.status_code == 200
    assert "key_use_unnoted" in capfd.readouterr().err


def test_keys_reach_no_log(
    client: TestClient, database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither good keys nor bad ones are written anywhere, nor sent back."""
    secret = make_key(database).secret
    bad = secret[:-4] + "zzzz"
    client.post("/documents", json={"text": "x"}, headers=bearer(secret))

    response = client.get("/documents", headers=bearer(bad))

    told = capfd.readouterr()
    assert secret[:-4] not in told.err + told.out + response.text


def test_admin_makes_lists_and_revokes_keys(admin: TestClient) -> None:
    """The key is shown when it is made, and its end is shown in the list."""
    wish = {"name": "ann", "expires_days": 3, "limits": {"max_documents": 2}}
    made = admin.post("/keys", json=wish)
    key, key_id = made.json()["key"], made.json()["id"]
    assert made.status_code == 201
    assert admin.get("/documents", headers=bearer(key)).status_code == 200

    revoked = admin.delete(f"/keys/{key_id}")
    again = admin.delete(f"/keys/{key_id}")

    assert admin.get("/documents", headers=bearer(key)).status_code == 401
    assert revoked.json()["revoked_at"] == again.json()["revoked_at"] is not None
    listed = admin.get("/keys")
    assert key not in listed.text
    shown = listed.json()["data"][1]
    assert (shown["owner"], shown["scopes"]) == ("ann", ["read", "write"])
    assert shown["limits"] == {"max_documents": 2}


def test_admin_sees_no_documents(admin: TestClient) -> None:
    """The scope for keys is not one for reading."""
    response = admin.get("/documents")

    assert (response.status_code, response.json()["scope"]) == (403, "read")


@pytest.mark.parametrize("scope", ["read", "write"])
def test_other_scopes_make_no_keys(client: TestClient, database: Database, scope: str) -> None:
    """Nobody gives himself more than he was given."""
    headers = bearer(make_key(database, scopes={scope}).secret)
    for response in (
        client.post("/keys", json={"name": "eve", "scopes": ["admin"]}, headers=headers),
        client.get("/keys", headers=headers),
        client.delete("/keys/key_1", headers=headers),
    ):
        assert (response.status_code, response.json()["scope"]) == (403, "admin")


def test_impossible_key_is_refused_by_its_field(admin: TestClient) -> None:
    """What is wrong is pointed at, and an owner that there is has to be named."""
    wrong = admin.post("/keys", json={"name": "ann", "limits": {"max_documents": 0}})
    taken = admin.post("/keys", json={"name": "root"})
    unknown = admin.delete("/keys/key_1")

    assert wrong.json()["errors"][0]["pointer"] == "/body/limits/max_documents"
    assert (taken.status_code, taken.json()["code"]) == (409, "owner_taken")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "key_not_found")


@pytest.mark.usefixtures("sqlite")
def test_server_without_keys_makes_none(settings: Settings) -> None:
    """Whoever may call a server that asks nobody leaves no way in for later."""
    app = create_app(settings, lambda _: FakeAnswerer())
    with TestClient(app, "http://127.0.0.1") as client:
        response = client.post("/keys", json={"name": "eve"})
        listed = client.get("/documents", headers=bearer("lift_any"))

    assert (response.status_code, response.json()["code"]) == (409, "keys_off")
    assert listed.status_code == 200
