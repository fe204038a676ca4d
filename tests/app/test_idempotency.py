"""`Idempotency-Key`: a request that comes twice is carried out once, and answered twice alike."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import func, select, update

from app import idempotency, intake, jobs
from app.clock import utc_now
from app.db import Database
from app.main import create_app
from app.models import Document, IdempotencyKey
from app.settings import Settings
from app.storage import Store
from tests.app.actions import ACTIONS, fail, states
from tests.app.keyed import bearer, make_key
from tests.fakes import FakeAnswerer
from tests.rows import make_ready

KEY = {"Idempotency-Key": "k-1"}
DAY, VOID = (
    timedelta(seconds=seconds) for seconds in (idempotency.KEPT_SECONDS, idempotency.VOID_SECONDS)
)


def upload(client: TestClient, text: str = "x", **fields: Any) -> Response:
    """Upload one more copy of a text: what is told apart here is not the content."""
    body = {"text": text, "duplicate": True, **fields}
    response: Response = client.post("/documents", json=body, headers=KEY)
    return response


def count(database: Database, table: type) -> int:
    with database.reading() as session:
        return session.scalars(select(func.count()).select_from(table)).one()


def age(database: Database, by: timedelta, **values: Any) -> None:
    """Let the key's row be older than it is."""
    with database.writing() as session:
        session.execute(update(IdempotencyKey).values(created_at=utc_now() - by, **values))


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


def test_crash_is_not_remembered(
    client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What failed in the middle left nothing; the next request is a first one."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(jobs, "create", fail)
    crashed = upload(client)
    monkeypatch.undo()

    assert crashed.status_code == 500
    assert upload(client).status_code == 202
    assert count(database, Document) == 1


def test_unfinished_first_request_makes_the_second_wait(
    client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the first one runs nothing is done for the second, which is told when to come again."""
    original, answers = intake.create, []

    def create(*arguments: Any) -> intake.Taken:
        answers.append(upload(client))
        monkeypatch.setattr(intake, "create", original)
        return original(*arguments)

    monkeypatch.setattr(intake, "create", create)
    first = upload(client)

    assert (answers[0].status_code, answers[0].json()["code"]) == (409, "idempotency_key_in_use")
    assert int(answers[0].headers["retry-after"]) > 0
    assert upload(client).content == first.content
    assert count(database, Document) == 1


def test_many_at_once_make_one_document(client: TestClient, database: Database) -> None:
    """One of them is carried out; the others hear of it, or are to ask again."""
    barrier, answers = threading.Barrier(5), []

    def send() -> None:
        barrier.wait()
        answers.append(upload(client))

    threads = [threading.Thread(target=send) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    statuses = [answer.status_code for answer in answers]
    assert set(statuses) <= {202, 409}
    assert len({answer.content for answer in answers if answer.status_code == 202}) == 1
    assert count(database, Document) == 1


@pytest.mark.parametrize(("age_seconds", "status"), [(-10, 409), (10, 202)])
def test_key_of_a_lost_request_is_free_after_a_while(
    client: TestClient, database: Database, age_seconds: int, status: int
) -> None:
    """A server that was killed in the middle blocks nobody for ever."""
    upload(client)
    age(database, VOID + timedelta(seconds=age_seconds), status=None, response=None)

    assert upload(client).status_code == status


def test_request_that_lost_its_key_undoes_its_work(
    client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that took so long that it counted as lost is not carried out beside its successor."""
    original = intake.create
    later: list[Response] = []

    def create(*arguments: Any) -> intake.Taken:
        monkeypatch.setattr(intake, "create", original)
        age(database, 2 * VOID)
        later.append(upload(client))
        return original(*arguments)

    monkeypatch.setattr(intake, "create", create)
    slow = upload(client)

    assert (slow.status_code, later[0].status_code) == (409, 202)
    assert count(database, Document) == 1
    assert upload(client).content == later[0].content


@pytest.mark.parametrize(("age_seconds", "num_documents"), [(-10, 1), (10, 2)])
def test_answer_is_kept_for_a_day(
    client: TestClient, database: Database, age_seconds: int, num_documents: int
) -> None:
    """Afterwards the key is as good as new."""
    upload(client)
    age(database, DAY + timedelta(seconds=age_seconds))

    assert upload(client).status_code == 202
    assert count(database, Document) == num_documents


def test_sweep_forgets_what_is_over_and_nothing_else(
    client: TestClient, database: Database
) -> None:
    """Rows do not pile up."""
    upload(client)
    with database.writing() as session:
        idempotency.sweep(session, utc_now() + DAY - timedelta(minutes=1))
    kept = count(database, IdempotencyKey)
    with database.writing() as session:
        idempotency.sweep(session, utc_now() + DAY + timedelta(minutes=1))

    assert (kept, count(database, IdempotencyKey)) == (1, 0)


def test_answer_is_noted_with_the_work_or_not_at_all(
    client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit that fails leaves neither a document nor an answer."""
    noted: list[int] = []
    remember = idempotency._remember

    def fail_behind(*arguments: Any) -> None:
        remember(*arguments)
        noted.append(1)
        raise ConnectionError

    monkeypatch.setattr(idempotency, "_remember", fail_behind)
    response = upload(client)
    monkeypatch.undo()

    assert (response.status_code, noted) == (500, [1])
    assert (count(database, Document), count(database, IdempotencyKey)) == (0, 0)


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
