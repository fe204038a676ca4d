"""How long was trained for whom: every end of an attempt is paid for, once, and nothing else is."""

from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import documents, jobs, leases, training_use
from app.db import Database
from app.jobs import Failure, PublishedAdapter
from app.leases import Lease, LeaseLostError
from app.models import Document, Job, TrainingUse
from tests.rows import MINUTE, NOON, add_job, claim

ADAPTER = PublishedAdapter("a" * 64, 1, "key", "base", {})
CRASH = Failure("crash", "It crashed.", retryable=True)
LATER = NOON + timedelta(seconds=40)

End = Callable[[Session, Lease], object]
ENDS: dict[str, End] = {
    "finish": lambda session, lease: jobs.finish(session, lease, ADAPTER, 1, LATER),
    "fail_attempt": lambda session, lease: jobs.fail_attempt(session, lease, CRASH, 3, LATER),
    "release": lambda session, lease: jobs.release(session, lease, LATER),
    "expire": lambda session, _: jobs.expire(session, leases.find_held(session), 3, LATER),
    "cancel": lambda session, lease: jobs.cancel(session, lease.job_id, LATER),
}


def uses(database: Database) -> list[tuple[str, float]]:
    with database.reading() as session:
        rows = session.scalars(select(TrainingUse).order_by(TrainingUse.owner))
        return [(row.owner, row.seconds) for row in rows]


@pytest.mark.parametrize("name", ENDS)
def test_every_end_of_an_attempt_is_paid_for(database: Database, name: str) -> None:
    """However it ends, its owner is charged with the time since it began."""
    lease = claim(database, add_job(database, "ann"))

    with database.writing() as session:
        ENDS[name](session, lease)

    assert uses(database) == [("ann", 40.0)]


@pytest.mark.parametrize("name", ["finish", "fail_attempt", "release"])
def test_stale_lease_charges_nobody(database: Database, name: str) -> None:
    """What an attempt cost was written when it lost its lease, and is not written again."""
    lease = claim(database, add_job(database, "ann"))
    with database.writing() as session:
        jobs.cancel(session, lease.job_id, LATER)

    with pytest.raises(LeaseLostError), database.writing() as session:
        ENDS[name](session, lease)

    assert uses(database) == [("ann", 40.0)]


def test_lease_that_was_renewed_meanwhile_charges_nobody(database: Database) -> None:
    """An attempt that lives after all pays at its end."""
    lease = claim(database, add_job(database, "ann"))
    with database.reading() as session:
        silent = leases.find_held(session)
    with database.writing() as session:
        jobs.renew(session, lease, NOON + MINUTE, MINUTE)

    with database.writing() as session:
        jobs.expire(session, silent, 3, NOON + MINUTE)

    assert uses(database) == []


def test_job_that_only_waited_costs_nothing(database: Database) -> None:
    """Cancelling what waits is free."""
    job_id = add_job(database, "ann")

    with database.writing() as session:
        assert jobs.cancel(session, job_id, LATER)

    assert uses(database) == []


def test_attempts_of_an_owner_add_up(database: Database) -> None:
    """Attempts at one job and at others, on one day, are one row an owner."""
    for owner in ("ann", "ann", "bob"):
        job_id = add_job(database, owner)
        for _ in range(2):
            lease = claim(database, job_id)
            with database.writing() as session:
                jobs.release(session, lease, LATER)

    assert uses(database) == [("ann", 160.0), ("bob", 80.0)]


def test_deleting_a_running_document_is_paid_for(database: Database) -> None:
    """The row of the job goes, what it cost stays."""
    lease = claim(database, add_job(database, "ann"), documents.utc_now() - timedelta(seconds=30))
    with database.reading() as session:
        document_id = session.scalars(select(Job.document_id)).one()

    with database.writing() as session:
        documents.remove(session, "ann", document_id)

    (owner, seconds), *others = uses(database)
    assert (owner, others) == ("ann", [])
    assert 30 <= seconds <= 60
    with database.reading() as session:
        assert session.get(Job, lease.job_id) is None


@pytest.mark.parametrize(("now", "charged"), [(timedelta(days=9), 60.0), (-timedelta(days=9), 0.0)])
def test_wrong_clock_charges_a_lease_at_most(
    database: Database, now: timedelta, charged: float
) -> None:
    """Whoever ends an attempt by a clock of another year costs its owner no year."""
    lease = claim(database, add_job(database, "ann"))

    with database.writing() as session:
        jobs.cancel(session, lease.job_id, NOON + now)

    assert uses(database) == [("ann", charged)]


def test_window_has_thirty_days(database: Database) -> None:
    """What is older is not counted, what others used neither."""
    for owner, days_ago, seconds in (("ann", 0, 1), ("ann", 29, 2), ("ann", 30, 4), ("bob", 0, 8)):
        with database.writing() as session:
            used = [training_use.Use("job_1", owner, seconds)]
            training_use.charge(session, used, NOON - timedelta(days=days_ago))

    with database.reading() as session:
        assert training_use.total_seconds(session, "ann", NOON) == 3


def test_ends_at_once_lose_no_second_and_wait_for_nobody(database: Database) -> None:
    """Sweeper, workers and users that end attempts of one owner together all get through."""
    held = [claim(database, add_job(database, "ann")) for _ in range(6)]
    with database.reading() as session:
        silent = leases.find_held(session)
    together, failed = Barrier(4), []

    def end(act: Callable[[Session], object]) -> None:
        together.wait()
        try:
            with database.writing() as session:
                act(session)
        except LeaseLostError:
            pass  # another was faster
        except Exception as error:
            failed.append(error)

    acts: list[Callable[[Session], object]] = [
        lambda session: jobs.expire(session, silent, 3, LATER),
        lambda session: jobs.finish(session, held[5], ADAPTER, 1, LATER),
        lambda session: jobs.cancel(session, held[3].job_id, LATER),
        lambda session: _remove(session, held[4].job_id),
    ]
    threads = [Thread(target=end, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert sum(seconds for _, seconds in uses(database)) in (
        5 * 40.0,
        6 * 40.0,
    )  # by the clock of the test, the deleted one costs 0


def _remove(session: Session, job_id: str) -> None:
    own = select(Document.id).join(Job, Job.document_id == Document.id).where(Job.id == job_id)
    documents.remove(session, "ann", session.scalars(own).one())
