"""`/documents`: listing, looking at, deleting."""

import itertools
import threading
import time

import pytest
from fastapi.testclient import TestClient

from app import attempts, jobs
from app.db import Database
from app.jobs import Failure
from app.leases import LeaseLostError
from app.lift.observer import StepMetrics
from app.storage import Store
from tests.fakes import FakeAnswerer
from tests.rows import NOON, make_ready, parse


def test_running_document_shows_stage_progress_and_losses(
    client: TestClient, database: Database, store: Store, document_id: str
) -> None:
    """What the trainer notes is what the user sees; a loss that is no number is left out."""
    lease = parse(database, store, document_id)
    with database.writing() as session:
        attempts.start_stage(session, lease, "train", 40, "steps", NOON)
        attempts.record_progress(session, lease, 2)
        for step, loss in enumerate([3.5, float("nan"), 3.25], 1):
            attempts.add_metric(session, lease, StepMetrics(step, loss, 1.0, 1e-3, 9), NOON)

    body = client.get(f"/documents/{document_id}").json()

    assert (body["status"], body["stage"], body["attempt"]) == ("running", "train", 1)
    assert body["progress"] == {
        "completed": 2,
        "total": 40,
        "unit": "steps",
        "eta_seconds": None,
    }
    assert body["losses"] == [{"step": 1, "loss": 3.5}, {"step": 3, "loss": 3.25}]
    assert body["started_at"] == "2030-01-01T12:00:00Z"


def test_long_loss_curve_is_thinned(
    client: TestClient, database: Database, store: Store, document_id: str
) -> None:
    """Of thousands of steps each look gets 500, evenly spread, from the first to the last."""
    lease = parse(database, store, document_id)
    with database.writing() as session:
        for step in range(1, 1204):
            attempts.add_metric(session, lease, StepMetrics(step, 2.0, 1.0, 1e-3, 9), NOON)

    steps = [point["step"] for point in client.get(f"/documents/{document_id}").json()["losses"]]

    assert (len(steps), steps[0], steps[-1]) == (500, 1, 1203)
    assert {after - before for before, after in itertools.pairwise(steps)} == {2, 3}


def test_ready_document_shows_its_adapter(
    client: TestClient, database: Database, store: Store, document_id: str
) -> None:
    """The adapter's hash and size, and the document's length, are told."""
    make_ready(database, store, document_id)

    body = client.get(f"/documents/{document_id}").json()

    assert (body["status"], body["num_tokens"], body["error"]) == ("ready", 1234, None)
    assert body["adapter"]["sha256"] == "a" * 64
    assert body["adapter"]["size_bytes"] == 7
    assert (body["version"], body["adapter"]["version"]) == (1, 1)


def test_failed_document_shows_why(
    client: TestClient, database: Database, store: Store, document_id: str
) -> None:
    """The reason is one sentence, with a code and whether a retry may help."""
    lease = parse(database, store, document_id)
    failure = Failure("document_refused", "It is too short.", retryable=False)
    with database.writing() as session:
        jobs.fail_attempt(session, lease, failure, 3, NOON)

    body = client.get(f"/documents/{document_id}").json()

    assert body["status"] == "failed"
    assert body["error"] == {
        "code": "document_refused",
        "detail": "It is too short.",
        "retryable": False,
    }


@pytest.mark.parametrize("document_id", ["doc_" + "0" * 26, "nonsense", "%00", "a" * 300])
def test_unknown_id_returns_404(client: TestClient, document_id: str) -> None:
    """An id that no document has is not found, whatever it looks like."""
    for response in (
        client.get(f"/documents/{document_id}"),
        client.delete(f"/documents/{document_id}"),
        client.post(f"/documents/{document_id}/ask", json={"question": "Who?"}),
    ):
        assert (response.status_code, response.json()["code"]) == (404, "document_not_found")


def test_pages_hold_each_document_once_newest_first(client: TestClient) -> None:
    """Following the cursor goes through all documents."""
    ids = [client.post("/documents", json={"text": text}).json()["id"] for text in "abcde"]
    seen: list[list[str]] = []
    cursor: str | None = None
    while cursor or not seen:
        params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = client.get("/documents", params=params).json()
        seen.append([document["id"] for document in page["data"]])
        cursor = page["next_cursor"]
        assert page["has_more"] == (cursor is not None)

    assert [len(page) for page in seen] == [2, 2, 1]
    assert [document for page in seen for document in page] == sorted(ids, reverse=True)


def test_page_stays_in_place_when_documents_come(client: TestClient) -> None:
    """A new upload does not shift the pages behind."""
    ids = [client.post("/documents", json={"text": text}).json()["id"] for text in "abc"]
    first = client.get("/documents?limit=1").json()
    client.post("/documents", json={"text": "x"})

    second = client.get("/documents", params={"limit": 1, "cursor": first["next_cursor"]}).json()

    assert second["data"][0]["id"] == sorted(ids)[-2]


@pytest.mark.parametrize("cursor", ["nonsense", "é", "ZG9jXwA=", "%00"])
def test_foreign_cursor_returns_422(client: TestClient, cursor: str) -> None:
    """A cursor that was not given out here is refused."""
    response = client.get("/documents", params={"cursor": cursor})

    assert (response.status_code, response.json()["code"]) == (422, "invalid_cursor")


@pytest.mark.parametrize("limit", ["0", "101", "many"])
def test_page_size_out_of_range_returns_422(client: TestClient, limit: str) -> None:
    """A page holds 1 to 100 documents."""
    response = client.get("/documents", params={"limit": limit})

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/query/limit"


def test_deleted_document_is_gone_everywhere(
    client: TestClient, database: Database, store: Store, answerer: FakeAnswerer, document_id: str
) -> None:
    """Rows and files go, and the engine forgets."""
    make_ready(database, store, document_id)

    response = client.delete(f"/documents/{document_id}")

    assert (response.status_code, response.content) == (204, b"")
    assert client.get(f"/documents/{document_id}").status_code == 404
    assert not store.path(f"documents/{document_id}").exists()
    assert answerer.forgotten == [document_id]


def test_delete_while_running_stops_the_attempt(
    client: TestClient, database: Database, store: Store, document_id: str
) -> None:
    """The attempt's next write fails, which ends it."""
    lease = parse(database, store, document_id)

    assert client.delete(f"/documents/{document_id}").status_code == 204
    with pytest.raises(LeaseLostError), database.writing() as session:
        attempts.record_progress(session, lease, 1)


def test_deleting_one_document_leaves_the_other(
    client: TestClient, database: Database, store: Store, document_id: str
) -> None:
    """Another document keeps its rows and files."""
    other = client.post("/documents", json={"text": "x"}).json()["id"]
    make_ready(database, store, other)

    client.delete(f"/documents/{document_id}")

    assert client.get(f"/documents/{other}").json()["status"] == "ready"
    assert client.post(f"/documents/{other}/ask", json={"question": "Who?"}).status_code == 200


def test_delete_during_a_write_of_the_attempt_waits_for_it(
    client: TestClient, database: Database, store: Store, document_id: str
) -> None:
    """Attempt and deletion lock in the same order: one waits for the other, none fails."""
    lease = parse(database, store, document_id)
    statuses: list[int] = []

    def delete() -> None:
        statuses.append(client.delete(f"/documents/{document_id}").status_code)

    deleting = threading.Thread(target=delete)
    with database.writing() as session:
        attempts.record_progress(session, lease, 1)  # holds the job
        deleting.start()
        time.sleep(0.5)  # the deletion takes what it can
        attempts.record_parsed(session, lease, 9)  # and needs the document
    deleting.join()

    assert statuses == [204]
