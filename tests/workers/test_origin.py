"""For whom an attempt is made: its lines bear the request, the job and the attempt."""

import json
from typing import Any

import pytest
import structlog
from sqlalchemy import select

from app import jobs
from app.db import Database
from app.dispatch import Dispatcher
from app.leases import Lease
from app.logs import configure_logging
from app.models import Job
from app.outbox import dispatch, send_waiting
from app.settings import Settings
from app.storage import open_store
from tests.rows import NOON, add_job, get_job
from tests.workers.fake_trainer import trainers
from workers.origin import Claimed, attempted, carried_on
from workers.supervisor import supervise


@pytest.fixture(autouse=True)
def _json_lines() -> None:
    configure_logging()


def lines(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    err = capfd.readouterr().err
    return [json.loads(line) for line in err.splitlines() if line.startswith("{")]


def asked_by(database: Database, request_id: str) -> str:
    """Queue a job as if this request had asked for it."""
    with structlog.contextvars.bound_contextvars(request_id=request_id):
        return add_job(database)


def test_attempts_at_a_job_have_the_request_and_ids_of_their_own(
    sqlite: Database, worker_settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    """The second attempt, after a crash, is the same job's for the same request."""
    job_id, source = asked_by(sqlite, "upload-1"), trainers("crash")
    for _ in range(2):
        supervise(sqlite, open_store(worker_settings), worker_settings, job_id, source)

    started = [line for line in lines(capfd) if line["event"] == "attempt_started"]
    assert [line["request_id"] for line in started] == ["upload-1"] * 2
    assert [line["job_id"] for line in started] == [job_id] * 2
    assert [line["attempt_id"] for line in started] == [f"{job_id}.1", f"{job_id}.2"]


def test_worker_logs_the_request_of_the_job_that_it_took(
    sqlite: Database, worker_settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    """Not of the one that the message named: that job waits for its turn."""
    first, second = (asked_by(sqlite, request_id) for request_id in ("first", "second"))
    supervise(sqlite, open_store(worker_settings), worker_settings, second, trainers("crash"))

    (started,) = [line for line in lines(capfd) if line["event"] == "attempt_started"]
    assert (started["request_id"], started["job_id"]) == ("first", first)


def test_job_that_nobody_asked_for_over_http_names_no_request(
    sqlite: Database, worker_settings: Settings, capfd: pytest.CaptureFixture[str], job_id: str
) -> None:
    """As those that `lift doctor` queues."""
    supervise(sqlite, open_store(worker_settings), worker_settings, job_id, trainers("crash"))

    (started,) = [line for line in lines(capfd) if line["event"] == "attempt_started"]
    assert "request_id" not in started


def test_retry_is_the_retrying_requests(sqlite: Database) -> None:
    """Who asks again is whose lines they are from then on."""
    job_id = asked_by(sqlite, "upload-1")
    with (
        structlog.contextvars.bound_contextvars(request_id="retry-1"),
        sqlite.writing() as session,
    ):
        jobs.cancel(session, job_id, NOON)
        jobs.retry(session, job_id, NOON)

    assert get_job(sqlite, job_id).request_id == "retry-1"


def test_sweeper_sends_a_job_under_its_request(
    sqlite: Database, valkey_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Long after the request itself is gone; and no request is left bound."""
    asked_by(sqlite, "upload-1")
    dispatcher = Dispatcher(valkey_url, 60.0)
    send_waiting(sqlite, dispatcher, NOON)
    dispatcher.close()

    (sent,) = [line for line in lines(capfd) if line["event"] == "job_dispatched"]
    assert sent["request_id"] == "upload-1"
    assert structlog.contextvars.get_contextvars() == {}


def test_dispatch_of_a_deleted_job_is_harmless(sqlite: Database, valkey_url: str) -> None:
    """Its document may be gone a moment after the upload."""
    dispatcher = Dispatcher(valkey_url, 60.0)

    assert dispatch(sqlite, dispatcher, "job_gone")
    dispatcher.close()


def test_names_are_carried_into_another_process_and_left_there(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """What is handed over is what is logged there, and nothing of it stays bound."""
    claimed = Claimed(Lease("job_1", "token"), "doc_1", 3, "upload-1", None)
    with attempted(claimed) as names:
        pass
    with carried_on(json.loads(json.dumps(names))):
        structlog.get_logger().info("within")
    structlog.get_logger().info("without")

    within, without = lines(capfd)
    assert (within["job_id"], within["attempt_id"]) == ("job_1", "job_1.3")
    assert within["request_id"] == "upload-1"
    assert set(without) == {"event", "level", "timestamp"}


def test_request_of_the_longest_kind_fits_the_row(database: Database) -> None:
    """A client may call a request by 128 characters."""
    job_id = asked_by(database, "x" * 128)

    with database.reading() as session:
        found = session.scalars(select(Job.request_id).where(Job.id == job_id)).one()
    assert found == "x" * 128
