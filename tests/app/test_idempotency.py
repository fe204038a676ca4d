"""`Idempotency-Key`: a request that comes twice is carried out once, and answered twice alike."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from app.db import Database
from app.main import create_app
from app.models import Document, IdempotencyKey
from app.settings import Settings
from app.storage import Store
from tests.app.actions import ACTIONS, fail, states
from tests.app.keyed import bearer, make_key
from tests.app.repeated import KEY, upload
from tests.fakes import FakeAnswerer
from tests.rows import count, make_ready


def test_upload_that_comes_twice_is_one_document(client: TestClient, database: Database) -> None:
    """The second answer is the first one, byte for byte, and says that it is."""
    first, second = upload(client), upload(client)

    assert (first.status_code, second.status_code) == (202, 202)
    assert first.content == second.content
    assert first.headers["location"] == second.headers["location"]
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert second.headers["content-type"] == "application/json"
    assert count(database, Document) == 1


def test_answer_stays_the_first_one_whatever_became_of_the_document(
    client: TestClient, database: Database, store: Store
) -> None:
    """What was answered is told, not what is so by now."""
    first = upload(client)
    make_ready(database, store, first.json()["id"])
    client.delete(f"/documents/{first.json()['id']}")

    assert upload(client).content == first.content
    assert count(database, Document) == 0


def test_file_that_comes_twice_is_told_by_its_bytes(client: TestClient) -> None:
    """A form is cut anew at each sending; its fields and its file's bytes are what counts."""

    def send(content: bytes, filename: str = "a.txt") -> Response:
        files, data = {"file": (filename, content)}, {"duplicate": "true"}
        response: Response = client.post("/documents", files=files, data=data, headers=KEY)
        return response

    first = send(b"some bytes")

    assert send(b"some bytes").content == first.content
    assert send(b"some other").json()["code"] == "idempotency_key_reused"
    assert send(b"some bytes", "b.txt").json()["code"] == "idempotency_key_reused"


@pytest.mark.parametrize("action", ACTIONS)
def test_action_that_comes_twice_is_done_once(
    client: TestClient, database: Database, store: Store, document_id: str, action: str
) -> None:
    """Between the two the document went on; the second one does nothing to it."""
    if action == "retry":
        fail(database, store, document_id)
    path = f"/documents/{document_id}/{action}"
    first = client.post(path, headers=KEY)
    client.post(f"/documents/{document_id}/{'retry' if action == 'cancel' else 'cancel'}")
    before = states(database, document_id)

    second = client.post(path, headers=KEY)

    assert (first.status_code, second.status_code) == (202, 202)
    assert first.content == second.content
    assert states(database, document_id) == before


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/documents", {"text": "y", "duplicate": True}),
        ("/documents", {"text": "x", "duplicate": True, "priority": 1}),
        ("/documents", {"text": "x", "duplicate": True, "title": "T"}),
        ("/documents/{}/cancel", None),
        ("/documents/{}/relift", {"options": {"seed": 3}}),
    ],
)
def test_key_of_another_request_is_refused(
    client: TestClient, database: Database, path: str, body: Any
) -> None:
    """A key names one request: whatever differs, nothing is done."""
    document_id = upload(client).json()["id"]

    response = client.post(path.format(document_id), json=body, headers=KEY)

    assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")
    assert (count(database, Document), states(database, document_id)) == (1, ["queued"])


def test_refusal_is_not_remembered(client: TestClient, database: Database) -> None:
    """A request that was refused may be mended and sent again under its key."""
    refused = upload(client, preset="unheard-of")
    again = upload(client, preset="unheard-of")

    assert (refused.status_code, again.status_code) == (422, 422)
    assert "idempotency-replayed" not in again.headers
    assert count(database, IdempotencyKey) == 0
    assert upload(client).status_code == 202


@pytest.mark.parametrize("key", ["", "x" * 256, "é".encode("latin-1"), "a\tb"])
def test_key_that_is_none_returns_422(client: TestClient, key: str | bytes) -> None:
    """A key is 1 to 255 printable characters of ASCII."""
    headers = {"Idempotency-Key": key}
    response = client.post("/documents", json={"text": "x"}, headers=headers)

    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert response.json()["errors"][0]["pointer"] == "/header/Idempotency-Key"


@pytest.mark.parametrize("key", ["x", "x" * 255, "a b~!"])
def test_any_printable_key_is_taken(client: TestClient, key: str) -> None:
    """The client chooses."""
    headers = {"Idempotency-Key": key}

    assert client.post("/documents", json={"text": "x"}, headers=headers).status_code == 202


def test_key_is_its_owner_s_own(
    api_settings: Settings, database: Database, answerer: FakeAnswerer
) -> None:
    """Another owner's request under the same key is another request."""
    secrets = [make_key(database, name).secret for name in ("ann", "ben")]
    asking = api_settings.model_copy(update={"auth": "keys"})
    sent = {"text": "x"}
    with TestClient(create_app(asking, lambda _: answerer), "http://127.0.0.1") as client:
        answers = [
            client.post("/documents", json=sent, headers=bearer(secret) | KEY)
            for secret in (*secrets, *secrets)
        ]

    ids = [answer.json()["id"] for answer in answers]
    assert ids[0] != ids[1]
    assert ids[2:] == ids[:2]
    assert ["idempotency-replayed" in answer.headers for answer in answers] == [False] * 2 + [
        True
    ] * 2
