"""Refusals under `/v1`, and nowhere else, are in OpenAI's dialect."""

import pytest
from fastapi.testclient import TestClient

from app.db import Database
from app.main import create_app
from app.openai import dialect
from app.settings import Settings
from tests.app.keyed import bearer, make_key
from tests.fakes import FakeAnswerer

MODELS, CHAT = "/v1/models", "/v1/chat/completions"


@pytest.fixture
def keyed(api_settings: Settings, answerer: FakeAnswerer) -> TestClient:
    """A client of a server that asks for keys; its services are made by `with`."""
    app = create_app(api_settings.model_copy(update={"auth": "keys"}), lambda _: answerer)
    return TestClient(app, "http://127.0.0.1", raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/v1", True), ("/v1/", True), ("/v1/x", True), ("/v11", False), ("/documents/v1", False)],
)
def test_dialect_is_spoken_under_v1_only(path: str, expected: bool) -> None:
    """A path that only begins like it is none of it."""
    assert dialect.speaks(path) is expected


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1", 404, "not_found"),
        ("POST", "/v1/embeddings", 404, "not_found"),
        ("GET", "/v1/models/a/b", 404, "not_found"),
        ("GET", CHAT, 405, "method_not_allowed"),
        ("DELETE", MODELS, 405, "method_not_allowed"),
    ],
)
def test_refusal_has_one_error_and_nothing_else(
    client: TestClient, method: str, path: str, status: int, code: str
) -> None:
    """Paths and methods that are not there are refused in the dialect, too."""
    response = client.request(method, path)

    assert (response.status_code, response.headers["content-type"]) == (status, "application/json")
    assert list(response.json()) == ["error"]
    assert set(response.json()["error"]) == {"message", "type", "param", "code"}
    assert response.json()["error"]["code"] == code


def test_problems_stay_problems_elsewhere(client: TestClient) -> None:
    """The service's own door answers as ever."""
    response = client.get("/documents/nobody")

    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("body", [b"{", b"[]", b"5", b"null", b"", b'{"model": "a"}', b"\xff"])
def test_body_that_is_no_chat_returns_400(client: TestClient, body: bytes) -> None:
    """Whatever else is sent is refused, not answered and no failure of the server."""
    response = client.post(CHAT, content=body, headers={"content-type": "application/json"})

    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"


def test_too_large_body_returns_413(client: TestClient) -> None:
    """What is refused before it is read is refused in the dialect."""
    response = client.post(CHAT, content=b" " * 2_000_000)

    assert (response.status_code, response.json()["error"]["code"]) == (413, "body_too_large")


def test_foreign_name_returns_421(client: TestClient) -> None:
    """So is what another name was called for."""
    response = client.get(MODELS, headers={"host": "evil.example"})

    assert (response.status_code, response.json()["error"]["code"]) == (421, "host_not_allowed")


@pytest.mark.parametrize("headers", [{}, bearer("lift_wrong"), {"Authorization": "Basic eA=="}])
def test_wrong_key_returns_401(keyed: TestClient, headers: dict[str, str]) -> None:
    """Clients know the code of a wrong key."""
    with keyed:
        response = keyed.get(MODELS, headers=headers)

    refusal = response.json()["error"]
    assert (response.status_code, refusal["code"]) == (401, "invalid_api_key")
    assert refusal["type"] == "authentication_error"
    assert response.headers["www-authenticate"].startswith("Bearer")


def test_key_without_the_scope_returns_403(keyed: TestClient, database: Database) -> None:
    """Asking needs the scope to read, though it is a POST."""
    _, writer = make_key(database, scopes={"write"})
    _, reader = make_key(database, "bob", scopes={"read"})
    chat = {"model": "none", "messages": [{"role": "user", "content": "Who?"}]}
    with keyed:
        refused = keyed.post(CHAT, json=chat, headers=bearer(writer))
        heard = keyed.post(CHAT, json=chat, headers=bearer(reader))

    refusal = refused.json()["error"]
    assert (refused.status_code, refusal["type"]) == (403, "permission_error")
    assert heard.status_code == 404


def test_too_many_requests_return_429_with_a_time_to_wait(
    api_settings: Settings, answerer: FakeAnswerer, database: Database, valkey_url: str
) -> None:
    """Clients wait as long as `Retry-After` says."""
    update = {"auth": "keys", "broker_url": valkey_url}
    app = create_app(api_settings.model_copy(update=update), lambda _: answerer)
    _, secret = make_key(database, limits={"requests_per_minute": 1})
    with TestClient(app, "http://127.0.0.1") as client:
        client.get(MODELS, headers=bearer(secret))
        response = client.get(MODELS, headers=bearer(secret))

    refusal = response.json()["error"]
    assert (response.status_code, refusal["code"]) == (429, "rate_limit_exceeded")
    assert refusal["type"] == "rate_limit_error"
    assert 0 < int(response.headers["retry-after"]) <= 60


@pytest.mark.parametrize("path", ["/v1/models/", "/v1//models", "//v1/models", "/v1/models//"])
def test_slashes_too_many_are_forgiven(client: TestClient, model: str, path: str) -> None:
    """A base address that ends in a slash works without a redirect."""
    response = client.get(f"http://127.0.0.1{path}", follow_redirects=False)

    assert response.status_code == 200
    assert response.json()["data"][0]["id"] == model


def test_slashes_elsewhere_are_left_alone(client: TestClient) -> None:
    """Only this door forgives: the service's own has one address for each thing."""
    assert client.get("http://127.0.0.1//documents").status_code == 404
