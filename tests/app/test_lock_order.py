"""Who waits for whose rows on PostgreSQL: never two for each other. SQLite has one writer."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import attempts, jobs, leases
from app.db import Database
from app.leases import Lease
from app.models import Document, Job, JobState
from tests.rows import MINUTE, NOON, add_job, claim, get_job
from tests.waiting import wait_until

_WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")


@pytest.fixture
def database(postgresql: Database) -> Database:
    """The one whose rows are locked singly."""
    return postgresql


@contextmanager
def at_once() -> Iterator[Callable[..., Future[Any]]]:
    """Give what starts something in a thread of its own; at the end, all of it has ended."""
    with ThreadPoolExecutor() as threads:
        yield threads.submit


def wait_for_waiters(database: Database, number: int) -> None:
    """Return once so many transactions wait for a lock."""

    def waiting() -> object:
        with database.reading() as session:
            return session.scalar(_WAITING)

    wait_until(lambda: waiting() == number)


def lock_job(session: Session, job_id: str) -> None:
    session.execute(select(Job.id).where(Job.id == job_id).with_for_update())


def two_jobs(database: Database) -> list[str]:
    return sorted(add_job(database) for _ in range(2))


def test_worker_that_came_too_late_holds_nothing_while_it_waits(database: Database) -> None:
    """PostgreSQL locks the row that another one claimed first; what is claimed next must not be
    waited for with that lock: who has the other job may want this one.
    """
    first, second = two_jobs(database)

    def claim_next() -> Lease | None:
        with database.writing() as session:
            return jobs.claim_next(session, None, NOON, MINUTE)

    with at_once() as start:
        with database.writing() as other:
            lock_job(other, second)
            with database.writing() as winner:
                jobs.claim(winner, first, NOON, MINUTE)
                late = start(claim_next)
                wait_for_waiters(database, 1)
            lock_job(other, first)
        lease = late.result()

    assert lease is not None
    assert lease.job_id == second


def test_expiry_waits_for_nobody(database: Database) -> None:
    """A job whose row somebody holds is left to the next sweep, which takes it."""
    first, second = two_jobs(database)
    lease = claim(database, first)
    claim(database, second)
    with database.reading() as session:
        silent = leases.find_held(session)

    with database.writing() as holding, database.writing() as sweeping:
        attempts.record_progress(holding, lease, 1)
        sweeping.execute(text("SET LOCAL lock_timeout = '1s'"))
        num_expired = jobs.expire(sweeping, silent, 3, NOON)
    states = [get_job(database, job_id).state for job_id in (first, second)]
    with database.writing() as session:
        num_later = jobs.expire(session, silent, 3, NOON)

    assert (num_expired, states) == (1, [JobState.RUNNING, JobState.QUEUED])
    assert num_later == 1


def test_request_that_a_deadlock_ended_may_come_again(
    client: TestClient, database: Database, document_id: str
) -> None:
    """Somebody else's transaction, such as an operator's, may take rows in any order: that is no
    crash, nothing was done, and the same request is granted later.
    """
    with database.reading() as session:
        job_id = session.scalars(select(Job.id)).one()
    path = f"/documents/{document_id}"

    with at_once() as start:
        with database.writing() as operator:
            operator.execute(select(Document.id).with_for_update())
            operator.execute(text("SET LOCAL deadlock_timeout = '1h'"))  # the request finds it
            with database.writing() as another:
                lock_job(another, job_id)
                deleting = start(client.delete, path)
                wait_for_waiters(database, 1)
                waiting = start(lock_job, operator, job_id)
                wait_for_waiters(database, 2)
            waiting.result()
        refused = deleting.result()

    assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
    assert int(refused.headers["retry-after"]) > 0
    assert client.delete(path).status_code == 204
