"""What a running attempt may write: while its lease is valid, and not a row longer."""

from collections.abc import Callable

import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app import attempts, jobs
from app.db import Database
from app.jobs import Failure, Lease, LeaseLostError, PublishedAdapter
from app.lift.observer import QAPair, StepMetrics
from app.models import Adapter, Document, Event, Job, QAPairRow
from tests.rows import MINUTE, NOON, add_job, claim, get_job

CRASH = Failure("trainer_died", "It was killed.", retryable=True)
ADAPTER = PublishedAdapter("a" * 64, 10, "documents/x/adapters/a", "base", {"format": "1"})
PAIR = QAPair("Who?", "Ada.", "Ada wrote it.", 5)
METRICS = StepMetrics(1, 2.5, 0.1, 1e-3, 100)
WRITES: dict[str, Callable[[Session, Lease], None]] = {
    "renew": lambda session, lease: jobs.renew(session, lease, NOON, MINUTE),
    "start_stage": lambda session, lease: attempts.start_stage(
        session, lease, "train", 1, "steps", NOON
    ),
    "record_progress": lambda session, lease: attempts.record_progress(session, lease, 1),
    "record_parsed": lambda session, lease: attempts.record_parsed(session, lease, 1),
    "add_metric": lambda session, lease: attempts.add_metric(session, lease, METRICS, NOON),
    "add_qa_pair": lambda session, lease: attempts.add_qa_pair(session, lease, PAIR),
    "finish": lambda session, lease: jobs.finish(session, lease, ADAPTER, 1, NOON),
    "fail_attempt": lambda session, lease: jobs.fail_attempt(session, lease, CRASH, 3, NOON),
    "release": lambda session, lease: jobs.release(session, lease),
}


def test_claim_drops_what_the_attempt_before_made(database: Database) -> None:
    """A new attempt starts without the pairs and figures of the one that failed."""
    job_id = add_job(database)
    lease = claim(database, job_id)
    with database.writing() as session:
        attempts.add_qa_pair(session, lease, PAIR)
        attempts.add_metric(session, lease, METRICS, NOON)
        jobs.fail_attempt(session, lease, CRASH, 3, NOON)

    claim(database, job_id)

    with database.reading() as session:
        assert session.scalars(select(QAPairRow)).all() == []
        assert session.scalars(select(Event)).all() == []


def test_attempt_notes_its_stage_and_progress(database: Database) -> None:
    """A stage begins at nothing done, and counts up."""
    job_id = add_job(database)
    lease = claim(database, job_id)

    with database.writing() as session:
        attempts.start_stage(session, lease, "train", 40, "steps", NOON)
        attempts.record_progress(session, lease, 7)

    job = get_job(database, job_id)
    assert (job.stage, job.completed, job.total, job.unit) == ("train", 7, 40, "steps")


def test_metric_that_is_no_number_is_kept_as_null(database: Database) -> None:
    """A loss that overflowed does not break the row."""
    lease = claim(database, add_job(database))

    with database.writing() as session:
        attempts.add_metric(
            session, lease, StepMetrics(3, float("nan"), float("inf"), 1e-3, 5), NOON
        )

    with database.reading() as session:
        data = session.scalars(select(Event.data)).one()
    assert data["step"] == 3
    assert data["loss"] is None
    assert data["gradient_norm"] is None


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_stale_token_writes_nothing(
    database: Database, write: Callable[[Session, Lease], None]
) -> None:
    """An attempt whose job was given to another changes no row."""
    job_id = add_job(database)
    stale = claim(database, job_id)
    with database.writing() as session:
        jobs.expire(session, 3, NOON + 2 * MINUTE)
    claim(database, job_id, NOON + 3 * MINUTE)
    before = _snapshot(database)

    with pytest.raises(LeaseLostError):
        _write(database, lambda session: write(session, stale))

    assert _snapshot(database) == before


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_deleted_document_takes_the_lease_along(
    database: Database, write: Callable[[Session, Lease], None]
) -> None:
    """The attempt on a deleted document writes nothing more."""
    lease = claim(database, add_job(database))
    with database.writing() as session:
        session.execute(delete(Document))

    with pytest.raises(LeaseLostError):
        _write(database, lambda session: write(session, lease))

    assert not any(_snapshot(database).values())


def _write(database: Database, write: Callable[[Session], None]) -> None:
    with database.writing() as session:
        write(session)


def _snapshot(database: Database) -> dict[str, list[object]]:
    with database.engine.connect() as connection:
        return {
            table.__tablename__: [tuple(row) for row in connection.execute(select(table.__table__))]
            for table in (Document, Job, Adapter, QAPairRow, Event)
        }
