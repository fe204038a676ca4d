"""Jobs outside their attempts: sent, cancelled, tried again, numbered, told when they are over."""

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app import jobs
from app.db import Database
from app.leases import LeaseLostError, require_valid
from app.models import Event, JobState
from tests.app.actions import ADAPTER, CRASH
from tests.rows import MINUTE, NOON, add_job, claim, get_job, queue_job


def test_unsent_job_is_found_until_it_is_dispatched(database: Database) -> None:
    """A job whose message the broker took is left alone."""
    job_id = add_job(database)

    assert _unsent(database) == [job_id]
    with database.writing() as session:
        jobs.mark_dispatched(session, job_id, NOON)
    assert _unsent(database) == []


def test_job_that_waits_long_after_its_message_is_found_again(database: Database) -> None:
    """A broker that lost its data gets the message again."""
    job_id = add_job(database)
    with database.writing() as session:
        jobs.mark_dispatched(session, job_id, NOON - 11 * MINUTE)

    assert _unsent(database) == [job_id]


def test_cancelled_job_is_over_and_its_attempt_has_lost_it(database: Database) -> None:
    """Cancelling takes the lease: whatever the attempt writes next is refused."""
    job_id = add_job(database)
    lease = claim(database, job_id)

    with database.writing() as session:
        assert jobs.cancel(session, job_id, NOON)

    job = get_job(database, job_id)
    assert (job.state, job.finished_at) == (JobState.CANCELLED, NOON)
    with database.reading() as session, pytest.raises(LeaseLostError):
        require_valid(session, lease)


def test_cancelling_what_waits_keeps_workers_away(database: Database) -> None:
    """The message of a job that was cancelled while it waited finds nothing."""
    job_id = add_job(database)

    with database.writing() as session:
        assert jobs.cancel(session, job_id, NOON)
        assert jobs.claim(session, job_id, NOON, MINUTE) is None


@pytest.mark.parametrize("how", ["ready", "failed", "cancelled"])
def test_what_is_over_is_not_cancelled(database: Database, how: str) -> None:
    """A second cancellation, or one that comes too late, changes nothing."""
    job_id = add_job(database)
    _end(database, job_id, how)

    with database.writing() as session:
        assert not jobs.cancel(session, job_id, NOON + MINUTE)

    job = get_job(database, job_id)
    assert (job.state, job.finished_at) == (how, NOON)


@pytest.mark.parametrize("how", ["failed", "cancelled"])
def test_retried_job_waits_with_all_its_attempts(database: Database, how: str) -> None:
    """What an operator asks for again is unsent, blameless, and may fail as often as a new job."""
    job_id = add_job(database)
    _end(database, job_id, how)

    with database.writing() as session:
        assert jobs.retry(session, job_id, NOON)
    with database.writing() as session:
        jobs.fail_attempt(session, claim(database, job_id), CRASH, 2, NOON)

    job = get_job(database, job_id)
    assert (job.state, job.failed_attempts, job.finished_at) == (JobState.QUEUED, 1, None)
    assert _unsent(database) == [job_id]


@pytest.mark.parametrize("how", ["queued", "running", "ready"])
def test_only_what_failed_or_was_cancelled_is_retried(database: Database, how: str) -> None:
    """A retry of anything else changes nothing."""
    job_id = add_job(database)
    if how == "running":
        claim(database, job_id)
    elif how == "ready":
        _end(database, job_id, how)

    with database.writing() as session:
        assert not jobs.retry(session, job_id, NOON)

    assert get_job(database, job_id).state == how


def test_document_has_one_active_job_at_most(database: Database) -> None:
    """The database itself refuses a second one."""
    job_id = add_job(database)
    document_id = get_job(database, job_id).document_id

    with pytest.raises(IntegrityError), database.writing() as session:
        queue_job(session, document_id)


def test_versions_count_a_documents_jobs(database: Database) -> None:
    """The newest job is the one with the greatest version, whatever the clock says."""
    job_id = add_job(database)
    document_id = get_job(database, job_id).document_id
    _end(database, job_id, "ready")

    with database.writing() as session:
        second = queue_job(session, document_id)

    assert (get_job(database, job_id).version, second.version) == (1, 2)


@pytest.mark.parametrize(
    ("how", "kinds"),
    [("ready", ["done"]), ("failed", ["error"] * 3), ("cancelled", ["done"])],
)
def test_end_of_a_job_is_an_event(database: Database, how: str, kinds: list[str]) -> None:
    """Whoever follows the events hears how it ended, last."""
    job_id = add_job(database)
    _end(database, job_id, how)

    with database.reading() as session:
        told = session.scalars(select(Event).order_by(Event.id)).all()
    assert [event.kind for event in told] == kinds
    assert told[-1].data["status"] == how


def _end(database: Database, job_id: str, how: str) -> None:
    if how == "cancelled":
        with database.writing() as session:
            jobs.cancel(session, job_id, NOON)
    for _ in range({"ready": 1, "failed": 3}.get(how, 0)):
        lease = claim(database, job_id)
        with database.writing() as session:
            if how == "ready":
                jobs.finish(session, lease, ADAPTER, 1, NOON)
            else:
                jobs.fail_attempt(session, lease, CRASH, 3, NOON)


def _unsent(database: Database) -> list[str]:
    with database.reading() as session:
        return jobs.find_unsent(session, NOON - 10 * MINUTE)
