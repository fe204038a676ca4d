"""`GET /documents/{id}/events`: what happened, page by page."""

import pytest
from fastapi.testclient import TestClient

from app import attempts, jobs
from app.db import Database
from app.jobs import Failure
from app.lift.observer import StepMetrics
from app.storage import Store
from tests.rows import NOON, parse


def test_events_tell_a_training_from_beginning_to_end(
    client: TestClient, database: Database, store: Store, document_id: str
) -> None:
    """Each kind of event has its own data, and a number that is none is null."""
    lease = parse(database, store, document_id)
    with database.writing() as session:
        attempts.start_stage(session, lease, "train", 40, "steps", NOON, completed=4)
        attempts.add_metric(session, lease, StepMetrics(5, float("nan"), 1.0, 0.5, 9), NOON)
        attempts.add_log(session, lease, "resumed", NOON)
        jobs.fail_attempt(session, lease, Failure("gone", "It went.", retryable=True), 3, NOON)
    client.post(f"/documents/{document_id}/cancel")

    body = client.get(f"/documents/{document_id}/events").json()

    assert [(event["type"], event["data"]) for event in body["data"]] == [
        ("stage", {"stage": "train", "total": 40, "unit": "steps", "completed": 4}),
        (
            "metric",
            {"step": 5, "loss": None, "gradient_norm": 1.0, "learning_rate": 0.5, "tokens": 9},
        ),
        ("log", {"message": "resumed"}),
        ("error", {"code": "gone", "detail": "It went.", "status": "queued"}),
        ("done", {"status": "cancelled"}),
    ]
    assert body["data"][0]["created_at"] == "2030-01-01T12:00:00Z"
    assert (body["next_cursor"], body["has_more"]) == (None, False)


def test_pages_hold_each_event_once_oldest_first(
    client: TestClient, database: Database, store: Store, document_id: str
) -> None:
    """Following the cursor goes through all events."""
    lease = parse(database, store, document_id)
    for number in range(5):
        with database.writing() as session:
            attempts.add_log(session, lease, str(number), NOON)
    pages: list[list[str]] = []
    cursor: str | None = None
    while cursor or not pages:
        params = {"limit": "2"} | ({"after": cursor} if cursor else {})
        page = client.get(f"/documents/{document_id}/events", params=params).json()
        pages.append([event["data"]["message"] for event in page["data"]])
        cursor = page["next_cursor"]
        assert page["has_more"] == (cursor is not None)

    assert pages == [["0", "1"], ["2", "3"], ["4"]]


def test_last_event_known_gives_what_came_since(
    client: TestClient, database: Database, store: Store, document_id: str
) -> None:
    """Whoever has read to the end reads on from there."""
    path = f"/documents/{document_id}/events"
    lease = parse(database, store, document_id)
    with database.writing() as session:
        attempts.add_log(session, lease, "old", NOON)
    (old,) = client.get(path).json()["data"]
    before = client.get(path, params={"after": old["id"]}).json()["data"]
    with database.writing() as session:
        attempts.add_log(session, lease, "new", NOON)

    after = client.get(path, params={"after": old["id"]}).json()["data"]

    assert before == []
    assert [event["data"]["message"] for event in after] == ["new"]


@pytest.mark.parametrize("path", ["events", "events/stream"])
def test_events_of_an_unknown_document_return_404(client: TestClient, path: str) -> None:
    """There is nothing to tell of a document that there is not."""
    for document_id in ("doc_" + "0" * 26, "nonsense", "%00"):
        response = client.get(f"/documents/{document_id}/{path}")

        assert (response.status_code, response.json()["code"]) == (404, "document_not_found")


@pytest.mark.parametrize("path", ["events", "events/stream"])
@pytest.mark.parametrize("after", ["x", "-1", "1.5", "٣", "9" * 19, "%00"])
def test_foreign_event_id_returns_422(
    client: TestClient, document_id: str, path: str, after: str
) -> None:
    """An id that was not given out here is refused."""
    response = client.get(f"/documents/{document_id}/{path}", params={"after": after})

    assert (response.status_code, response.json()["code"]) == (422, "invalid_cursor")


@pytest.mark.parametrize("limit", ["0", "501", "many"])
def test_number_of_events_out_of_range_returns_422(
    client: TestClient, document_id: str, limit: str
) -> None:
    """A page holds 1 to 500 events."""
    response = client.get(f"/documents/{document_id}/events", params={"limit": limit})

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/query/limit"
