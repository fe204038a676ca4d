"""Uploads that say of which document they are a changed text."""

import pytest
from fastapi.testclient import TestClient

from app.db import Database
from app.storage.folder import FolderStore
from tests.app.actions import do, fail
from tests.rows import make_ready


@pytest.fixture
def former_id(client: TestClient, database: Database, store: FolderStore, document_id: str) -> str:
    """A document with a memory."""
    make_ready(database, store, document_id)
    return document_id


@pytest.mark.parametrize("form", [True, False])
def test_upload_keeps_what_it_starts_from(client: TestClient, former_id: str, form: bool) -> None:
    """From a form and from JSON; shown at once, later, in the list, and of no other document."""
    if form:
        files, fields = {"file": ("a.txt", b"Its longer text.")}, {"starts_from": former_id}
        answer = client.post("/documents", files=files, data=fields)
    else:
        body = {"text": "Its longer text.", "starts_from": former_id}
        answer = client.post("/documents", json=body)
    shown = client.get(answer.headers["location"]).json()
    listed = {each["id"]: each["starts_from"] for each in client.get("/documents").json()["data"]}

    assert answer.status_code == 202
    assert answer.json()["starts_from"] == shown["starts_from"] == former_id
    assert listed == {shown["id"]: former_id, former_id: None}


@pytest.mark.parametrize("named", ["doc_01jzzzzzzzzzzzzzzzzzzzzzzz", "nonsense", ""])
def test_document_that_is_not_there_is_refused(client: TestClient, named: str) -> None:
    """The answer names it, and nothing is taken in."""
    answer = client.post("/documents", json={"text": "Text.", "starts_from": named})

    assert (answer.status_code, answer.json()["code"]) == (404, "document_not_found")
    assert repr(named) in answer.json()["detail"]
    assert client.get("/documents").json()["data"] == []


def test_id_beyond_all_measure_is_refused(client: TestClient) -> None:
    """It would not fit its column."""
    answer = client.post("/documents", json={"text": "Text.", "starts_from": "d" * 31})

    assert answer.status_code == 422
    assert "starts_from" in answer.text


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        ("queued", "wait until it is ready"),
        ("failed", "retry its training"),
        ("cancelled", "retry its training"),
    ],
)
def test_document_without_a_memory_is_refused(
    client: TestClient,
    database: Database,
    store: FolderStore,
    document_id: str,
    status: str,
    advice: str,
) -> None:
    """The answer says what to do; nothing is taken in."""
    if status == "failed":
        fail(database, store, document_id)
    elif status == "cancelled":
        do(client, document_id, "cancel")

    answer = client.post("/documents", json={"text": "Text.", "starts_from": document_id})
    problem = answer.json()

    assert (answer.status_code, problem["code"]) == (409, "document_not_ready")
    assert problem["document_status"] == status
    assert f"its status is {status}; {advice}, or leave starts_from out" in problem["detail"]
    assert len(client.get("/documents").json()["data"]) == 1


def test_document_whose_newer_version_failed_is_a_start(
    client: TestClient, database: Database, store: FolderStore, former_id: str
) -> None:
    """It still has the older memory."""
    do(client, former_id, "relift", options={"seed": 1})
    fail(database, store, former_id)

    answer = client.post("/documents", json={"text": "Text.", "starts_from": former_id})

    assert answer.status_code == 202


def test_same_text_from_the_same_start_is_the_same_document(
    client: TestClient, former_id: str
) -> None:
    """From none it is another one, whichever came first."""
    body = {"text": "Its longer text."}
    first = client.post("/documents", json=body | {"starts_from": former_id})
    again = client.post("/documents", json=body | {"starts_from": former_id})
    anew = client.post("/documents", json=body)

    assert (first.status_code, again.status_code, anew.status_code) == (202, 200, 202)
    assert again.json()["id"] == first.json()["id"] != anew.json()["id"]


def test_start_may_be_deleted_afterwards(client: TestClient, former_id: str) -> None:
    """The changed text stays, and says from what it came; sent again, it is still the same."""
    body = {"text": "Its longer text.", "starts_from": former_id}
    answer = client.post("/documents", json=body)
    assert client.delete(f"/documents/{former_id}").status_code == 204

    shown = client.get(answer.headers["location"])

    assert (shown.status_code, shown.json()["starts_from"]) == (200, former_id)
    assert client.post("/documents", json=body).json()["id"] == shown.json()["id"]


def test_idempotency_key_is_the_starts_too(client: TestClient, former_id: str) -> None:
    """Another start under the same key is another request; none is what it was before."""
    body, headers = {"text": "Its longer text."}, {"Idempotency-Key": "once"}
    plain = client.post("/documents", json=body, headers=headers)
    again = client.post("/documents", json=body, headers=headers)
    other = client.post("/documents", json=body | {"starts_from": former_id}, headers=headers)

    assert plain.json()["id"] == again.json()["id"]
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
