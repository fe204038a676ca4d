"""`GET /documents/{id}/events/stream`: what it tells, and where it goes on and ends."""

import json
import time

import httpx

from app import attempts, jobs
from app.db import Database
from app.jobs import Failure
from app.leases import Lease
from app.lift.observer import StepMetrics
from app.storage import Store
from tests.app.live import listening_to, soon, told
from tests.rows import NOON, make_ready, parse


def note(database: Database, lease: Lease, message: str) -> None:
    with database.writing() as session:
        attempts.add_log(session, lease, message, NOON)


def test_stream_of_a_ready_document_replays_and_ends(
    http: httpx.Client, database: Database, store: Store, live_id: str
) -> None:
    """All that happened comes in order, as the list tells it, and then the end."""
    lease = parse(database, store, live_id)
    with database.writing() as session:
        attempts.start_stage(session, lease, "train", 1, "steps", NOON)
        attempts.add_metric(session, lease, StepMetrics(1, 3.5, 1.0, 0.5, 9), NOON)
        jobs.fail_attempt(session, lease, Failure("gone", "Gone.", retryable=True), 3, NOON)
    make_ready(database, store, live_id)

    with listening_to(http, live_id) as source:
        events = [event for event in source.iter_sse() if event.data]

    listed = http.get(f"/documents/{live_id}/events").json()["data"]
    assert [json.loads(event.data) for event in events] == listed
    assert [(event.id, event.event) for event in events] == [
        (event["id"], event["type"]) for event in listed
    ]
    assert [event.event for event in events] == ["stage", "metric", "error", "done"]


def test_stream_says_how_it_wants_to_be_treated(http: httpx.Client, live_id: str) -> None:
    """No proxy buffers or keeps it, and a client that loses it comes back in two seconds."""
    http.post(f"/documents/{live_id}/cancel")

    with listening_to(http, live_id) as source:
        headers = source.response.headers
        source.response.read()

    assert headers["content-type"].startswith("text/event-stream")
    assert (headers["x-accel-buffering"], headers["cache-control"]) == ("no", "no-cache")
    assert source.response.text.startswith("retry: 2000\n\n")


def test_stream_tells_what_happens_while_it_is_open(
    http: httpx.Client, database: Database, store: Store, live_id: str
) -> None:
    """Each event comes within a second or two of being written, and the last one ends it."""
    with listening_to(http, live_id) as source:
        events = (event for event in source.iter_sse() if event.data)
        lease = parse(database, store, live_id)
        heard = []
        for number in range(3):
            note(database, lease, str(number))
            said_at = time.monotonic()
            heard.append(next(events).json()["data"]["message"])
            assert time.monotonic() - said_at < 5
        http.post(f"/documents/{live_id}/cancel")
        rest = told(events)

    assert heard == ["0", "1", "2"]
    assert rest == [("done", {"status": "cancelled"})]


def test_stream_goes_on_behind_the_last_event_that_was_heard(
    http: httpx.Client, database: Database, store: Store, live_id: str
) -> None:
    """Last-Event-ID is stronger than `after`, which stands in the address for good."""
    lease = parse(database, store, live_id)
    for number in range(4):
        note(database, lease, str(number))
    http.post(f"/documents/{live_id}/cancel")
    ids = [event["id"] for event in http.get(f"/documents/{live_id}/events").json()["data"]]

    with listening_to(http, live_id, ids[1]) as source:
        by_query = told(source.iter_sse())
    with listening_to(http, live_id, ids[0], **{"Last-Event-ID": ids[2]}) as source:
        by_header = told(source.iter_sse())

    end = ("done", {"status": "cancelled"})
    assert by_query == [("log", {"message": "2"}), ("log", {"message": "3"}), end]
    assert by_header == [("log", {"message": "3"}), end]


def test_who_heard_all_of_a_document_that_is_over_gets_204(
    http: httpx.Client, live_id: str
) -> None:
    """A browser connects again after each end, until it is told this."""
    http.post(f"/documents/{live_id}/cancel")
    (end,) = http.get(f"/documents/{live_id}/events").json()["data"]

    response = http.get(f"/documents/{live_id}/events/stream", headers={"Last-Event-ID": end["id"]})

    assert (response.status_code, response.content) == (204, b"")


def test_failed_attempt_ends_the_stream_only_if_it_is_the_last(
    http: httpx.Client, database: Database, store: Store, live_id: str
) -> None:
    """After an error the job may wait for another attempt; its status says so."""
    failure = Failure("gone", "It went.", retryable=True)

    def fail() -> None:
        lease = parse(database, store, live_id)
        with database.writing() as session:
            jobs.fail_attempt(session, lease, failure, 2, NOON)

    fail()
    with listening_to(http, live_id) as source:
        timer = soon(fail)
        heard = told(source.iter_sse())
    timer.join()

    assert [(kind, data["status"]) for kind, data in heard] == [
        ("error", "queued"),
        ("error", "failed"),
    ]


def test_relift_keeps_the_stream_open(
    http: httpx.Client, database: Database, store: Store, live_id: str
) -> None:
    """The end of an older version is not the end while a newer one is to come."""
    parse(database, store, live_id)
    with listening_to(http, live_id) as source:
        http.post(f"/documents/{live_id}/relift", json={"options": {"seed": 8}})
        timer = soon(lambda: make_ready(database, store, live_id))
        heard = told(source.iter_sse())
    timer.join()

    assert heard == [("done", {"status": "cancelled"}), ("done", {"status": "ready"})]


def test_deletion_ends_the_stream_with_an_error(http: httpx.Client, live_id: str) -> None:
    """The last event has no id: there is nothing to come back to."""
    with listening_to(http, live_id) as source:
        timer = soon(lambda: http.delete(f"/documents/{live_id}"))
        (event,) = [event for event in source.iter_sse() if event.data]
    timer.join()

    assert (event.event, event.id) == ("error", "")
    assert event.json()["data"]["status"] == "deleted"
    assert http.get(f"/documents/{live_id}/events/stream").status_code == 404
