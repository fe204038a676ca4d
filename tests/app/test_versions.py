"""Cancel and retry: what becomes of a document, however often it is asked for."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app import attempts, jobs
from app.db import Database
from app.leases import LeaseLostError
from app.lift.observer import QAPair
from app.models import JobState
from app.storage import Store
from tests.app.actions import ACTIONS, REFUSAL, do, fail, keep_checkpoint
from tests.rows import MINUTE, NOON, claim, make_ready, parse


def test_cancelled_document_waits_no_more(
    client: TestClient, database: Database, document_id: str
) -> None:
    """A queued document leaves the queue, and no worker gets it."""
    body = do(client, document_id, "cancel")

    assert (body["status"], body["queue_position"]) == ("cancelled", None)
    assert body["finished_at"]
    with database.writing() as session:
        assert jobs.claim_next(session, None, NOON, MINUTE) is None


def test_cancel_takes_a_running_attempts_right_to_write(
    client: TestClient, database: Database, store: Store, document_id: str
) -> None:
    """The attempt's next write fails, and that is how it hears of the end."""
    lease = parse(database, store, document_id)

    body = do(client, document_id, "cancel")

    assert body["status"] == "cancelled"
    with pytest.raises(LeaseLostError), database.writing() as session:
        attempts.record_progress(session, lease, 1)


@pytest.mark.parametrize("end", [make_ready, fail])
def test_cancel_of_what_is_over_changes_nothing(
    client: TestClient,
    database: Database,
    store: Store,
    document_id: str,
    end: Callable[[Database, Store, str], None],
) -> None:
    """A ready document stays ready, a failed one failed."""
    end(database, store, document_id)
    before = client.get(f"/documents/{document_id}").json()

    body = do(client, document_id, "cancel")

    assert body["status"] in ("ready", "failed")
    assert client.get(f"/documents/{document_id}").json() == before


def test_second_cancel_tells_no_second_end(client: TestClient, document_id: str) -> None:
    """Cancelling twice is the same as once, also for whoever reads the events."""
    first, second = (do(client, document_id, "cancel") for _ in range(2))

    assert first == second
    told = client.get(f"/documents/{document_id}/events").json()["data"]
    assert [event["data"] for event in told] == [{"status": "cancelled"}]


def test_retry_goes_on_with_what_was_left(
    client: TestClient, database: Database, store: Store, document_id: str
) -> None:
    """The same version waits again, with its pairs and its checkpoint, and without its error."""
    lease = parse(database, store, document_id)
    key = keep_checkpoint(database, store, document_id, lease)
    with database.writing() as session:
        attempts.add_pairs(session, lease, [QAPair("Who?", "Ada", "Ada.", 0)], 3)
        jobs.fail_attempt(session, lease, REFUSAL, 3, NOON)

    body = do(client, document_id, "retry")

    assert (body["status"], body["version"], body["error"]) == ("queued", 1, None)
    assert (body["queue_position"], body["finished_at"]) == (1, None)
    again = claim(database, lease.job_id)
    with database.reading() as session:
        left = attempts.find_left(session, again)
    assert (len(left.pairs), left.pairs_tried, left.checkpoint_key) == (1, 3, key)


def test_retry_of_a_cancelled_document_queues_it(client: TestClient, document_id: str) -> None:
    """Who cancelled by mistake may go on."""
    do(client, document_id, "cancel")

    assert do(client, document_id, "retry")["status"] == "queued"


@pytest.mark.parametrize("status", ["queued", "running", "ready"])
def test_retry_of_what_has_not_failed_changes_nothing(
    client: TestClient, database: Database, store: Store, document_id: str, status: str
) -> None:
    """What waits, runs or is ready stays as it is."""
    if status == "running":
        parse(database, store, document_id)
    elif status == "ready":
        make_ready(database, store, document_id)
    before = client.get(f"/documents/{document_id}").json()

    body = do(client, document_id, "retry")

    assert body["status"] == status
    assert client.get(f"/documents/{document_id}").json() == before


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("document_id", ["doc_" + "0" * 26, "nonsense", "%00"])
def test_action_on_an_unknown_document_returns_404(
    client: TestClient, action: str, document_id: str
) -> None:
    """There is nothing to change of a document that there is not."""
    response = client.post(f"/documents/{document_id}/{action}")

    assert (response.status_code, response.json()["code"]) == (404, "document_not_found")


def test_attempt_of_a_deleted_document_is_told_at_each_write(
    client: TestClient, database: Database, store: Store, document_id: str
) -> None:
    """Whatever it put into the store since, it learns that nothing will name it."""
    lease = parse(database, store, document_id)
    client.delete(f"/documents/{document_id}")
    writes: list[Callable[[Any], object]] = [
        lambda session: attempts.record_parsed(session, lease, 9),
        lambda session: attempts.replace_checkpoint(session, lease, "key"),
        lambda session: attempts.add_pairs(session, lease, [], 1),
        lambda session: jobs.fail_attempt(session, lease, REFUSAL, 3, NOON),
    ]

    for write in writes:
        with pytest.raises(LeaseLostError), database.writing() as session:
            write(session)


def test_newest_state_is_the_status(client: TestClient, database: Database, store: Store) -> None:
    """The list shows each document once, as its newest version stands."""
    ids = [client.post("/documents", json={"text": text}).json()["id"] for text in "abc"]
    make_ready(database, store, ids[0])
    do(client, ids[0], "relift", options={"seed": 8})
    do(client, ids[2], "cancel")

    page = client.get("/documents").json()["data"]

    shown = {each["id"]: (each["status"], each["queue_position"]) for each in page}
    assert shown == {
        ids[0]: (JobState.QUEUED, 2),
        ids[1]: (JobState.QUEUED, 1),
        ids[2]: (JobState.CANCELLED, None),
    }
