"""What a running attempt may write: while its lease is valid, and not a row longer."""

from collections.abc import Callable

import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app import attempts, jobs
from app.db import Database
from app.leases import Lease, LeaseLostError
from app.lift.observer import QAPair, StepMetrics
from app.models import Adapter, Document, Event, Job, QAPairRow
from tests.app.actions import ADAPTER, CRASH
from tests.rows import MINUTE, NOON, add_job, claim, expire, get_job

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
    "add_pairs": lambda session, lease: attempts.add_pairs(session, lease, [PAIR], 1),
    "add_log": lambda session, lease: attempts.add_log(session, lease, "So.", NOON),
    "replace_checkpoint": lambda session, lease: swallow(
        attempts.replace_checkpoint(session, lease, "key")
    ),
    "settle_start": lambda session, lease: attempts.settle_start(session, lease, "a" * 64),
    "forget_work": lambda session, lease: attempts.forget_work(session, lease),
    "finish": lambda session, lease: jobs.finish(session, lease, ADAPTER, 1, NOON),
    "fail_attempt": lambda session, lease: jobs.fail_attempt(session, lease, CRASH, 3, NOON),
    "release": lambda session, lease: jobs.release(session, lease, NOON),
}


def test_next_attempt_finds_what_the_one_before_left(database: Database) -> None:
    """Pairs in the order of their writing, the place to go on from, and the checkpoint."""
    job_id = add_job(database)
    lease = claim(database, job_id)
    pairs = [QAPair(f"Question {n}?", "Ada.", "Ada wrote it.", 90 - n, n == 2) for n in range(3)]
    with database.writing() as session:
        attempts.add_pairs(session, lease, pairs[:2], 4)
        attempts.add_pairs(session, lease, pairs[2:], 5)
        attempts.replace_checkpoint(session, lease, "key")
        jobs.fail_attempt(session, lease, CRASH, 3, NOON)

    lease = claim(database, job_id)

    with database.reading() as session:
        assert attempts.find_left(session, lease) == (pairs, 5, "key")


def test_replaced_checkpoint_is_named(database: Database) -> None:
    """Whoever replaces a checkpoint learns which file is of no more use."""
    lease = claim(database, add_job(database))

    with database.writing() as session:
        first = attempts.replace_checkpoint(session, lease, "one")
        second = attempts.replace_checkpoint(session, lease, "two")

    assert (first, second) == (None, "one")


def test_forgotten_work_leaves_nothing_to_go_on_from(database: Database) -> None:
    """An attempt that cannot use what is there begins anew."""
    lease = claim(database, add_job(database))

    with database.writing() as session:
        attempts.add_pairs(session, lease, [PAIR], 3)
        attempts.replace_checkpoint(session, lease, "key")
        attempts.forget_work(session, lease)

    with database.reading() as session:
        assert attempts.find_left(session, lease) == ([], 0, None)


def test_resumed_stage_tells_where_it_began(database: Database) -> None:
    """What an earlier attempt completed is done, and is no measure of this one's speed."""
    job_id = add_job(database)
    lease = claim(database, job_id)

    with database.writing() as session:
        attempts.start_stage(session, lease, "train", 40, "steps", NOON, completed=12)

    job = get_job(database, job_id)
    assert (job.completed, job.stage_start, job.stage_started_at) == (12, 12, NOON)


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
    expire(database)
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


def swallow(_: object) -> None:
    """Turn a value into none."""


def _write(database: Database, write: Callable[[Session], None]) -> None:
    with database.writing() as session:
        write(session)


def _snapshot(database: Database) -> dict[str, list[object]]:
    with database.engine.connect() as connection:
        return {
            table.__tablename__: [tuple(row) for row in connection.execute(select(table.__table__))]
            for table in (Document, Job, Adapter, QAPairRow, Event)
        }
