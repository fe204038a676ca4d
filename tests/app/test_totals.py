"""What became of jobs, counted: every end once, whatever becomes of the document."""

from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import attempts, documents, jobs, leases, totals
from app.db import Database
from app.jobs import Failure, PublishedAdapter
from app.leases import Lease, LeaseLostError
from app.lift.observer import StepMetrics
from app.models import LOCAL_OWNER, Job, Total
from app.totals import AttemptEnd, Count, Name
from tests.rows import MINUTE, NOON, add_job, claim

ADAPTER = PublishedAdapter("a" * 64, 1, "key", "base", {})
CRASH = Failure("crash", "It crashed.", retryable=True)
REFUSAL = Failure("document_refused", "It is too short.", retryable=False)
LATER = NOON + timedelta(seconds=40)

ENDS: dict[str, Callable[[Session, Lease], object]] = {
    "finish": lambda session, lease: jobs.finish(session, lease, ADAPTER, 1, LATER),
    "fail": lambda session, lease: jobs.fail_attempt(session, lease, CRASH, 3, LATER),
    "refuse": lambda session, lease: jobs.fail_attempt(session, lease, REFUSAL, 3, LATER),
    "release": lambda session, lease: jobs.release(session, lease, LATER),
    "expire": lambda session, _: jobs.expire(session, leases.find_held(session), 3, LATER),
    "expire_last": lambda session, _: jobs.expire(session, leases.find_held(session), 1, LATER),
    "cancel": lambda session, lease: jobs.cancel(session, lease.job_id, LATER),
}
COUNTED: dict[str, tuple[AttemptEnd, dict[str, float]]] = {
    "finish": (AttemptEnd.READY, {"ready": 1}),
    "fail": (AttemptEnd.FAILED, {}),
    "refuse": (AttemptEnd.FAILED, {"failed": 1}),
    "release": (AttemptEnd.RELEASED, {}),
    "expire": (AttemptEnd.LEASE_EXPIRED, {}),
    "expire_last": (AttemptEnd.LEASE_EXPIRED, {"failed": 1}),
    "cancel": (AttemptEnd.CANCELLED, {"cancelled": 1}),
}


def counted(database: Database, name: Name) -> dict[str, float]:
    with database.reading() as session:
        return totals.read(session)[name]


@pytest.mark.parametrize("name", ENDS)
def test_every_end_of_an_attempt_is_counted(database: Database, name: str) -> None:
    """An attempt ends in one way, and its job with it only if nothing follows."""
    lease = claim(database, add_job(database))

    with database.writing() as session:
        ENDS[name](session, lease)

    end, over = COUNTED[name]
    assert counted(database, Name.ATTEMPTS_BEGUN) == {"": 1}
    assert counted(database, Name.ATTEMPTS_ENDED) == {end: 1}
    assert counted(database, Name.JOBS_ENDED) == over


@pytest.mark.parametrize("name", ["finish", "fail", "release"])
def test_stale_lease_counts_nothing(database: Database, name: str) -> None:
    """An attempt that was cancelled does not end a second time."""
    lease = claim(database, add_job(database))
    with database.writing() as session:
        jobs.cancel(session, lease.job_id, LATER)

    with pytest.raises(LeaseLostError), database.writing() as session:
        ENDS[name](session, lease)

    assert counted(database, Name.ATTEMPTS_ENDED) == {AttemptEnd.CANCELLED: 1}


def test_job_that_only_waited_ends_without_an_attempt(database: Database) -> None:
    """To cancel it is no end of an attempt."""
    job_id = add_job(database)

    with database.writing() as session:
        jobs.cancel(session, job_id, LATER)

    assert counted(database, Name.ATTEMPTS_ENDED) == {}
    assert counted(database, Name.JOBS_ENDED) == {"cancelled": 1}


def test_counts_stay_when_the_document_goes(database: Database) -> None:
    """Deleting never takes anything back; it ends the attempt that runs."""
    lease = claim(database, add_job(database))
    with database.writing() as session:
        ENDS["fail"](session, lease)
    claim(database, lease.job_id)
    with database.writing() as session:
        own = select(Job.document_id).where(Job.id == lease.job_id)
        documents.remove(session, LOCAL_OWNER, session.scalars(own).one())

    assert counted(database, Name.ATTEMPTS_BEGUN) == {"": 2}
    assert counted(database, Name.ATTEMPTS_ENDED) == {
        AttemptEnd.FAILED: 1,
        AttemptEnd.CANCELLED: 1,
    }


def test_stages_that_were_gone_through_are_timed(database: Database) -> None:
    """A stage lasts until the next one begins, the last one until the job is ready."""
    lease = claim(database, add_job(database))
    with database.writing() as session:
        attempts.start_stage(session, lease, "parse", 1, "document", NOON)
    with database.writing() as session:
        attempts.start_stage(session, lease, "train", 9, "steps", NOON + MINUTE / 60)
    with database.writing() as session:
        ENDS["finish"](session, lease)

    assert counted(database, Name.STAGES_ENDED) == {"parse": 1, "train": 1}
    assert counted(database, Name.STAGE_SECONDS) == {"parse": 1.0, "train": 39.0}


def test_stage_that_was_broken_off_is_not_timed(database: Database) -> None:
    """The next attempt enters it anew."""
    lease = claim(database, add_job(database))
    with database.writing() as session:
        attempts.start_stage(session, lease, "train", 9, "steps", NOON)
        ENDS["release"](session, lease)
    with database.writing() as session:
        attempts.start_stage(session, claim_again(session, lease), "parse", 1, "document", LATER)

    assert counted(database, Name.STAGES_ENDED) == {}


def claim_again(session: Session, lease: Lease) -> Lease:
    again = jobs.claim(session, lease.job_id, LATER, MINUTE)
    assert again
    return again


def test_steps_and_their_tokens_add_up(database: Database) -> None:
    """Of all jobs together."""
    for _ in range(2):
        lease = claim(database, add_job(database))
        with database.writing() as session:
            for step in (1, 2):
                attempts.add_metric(session, lease, StepMetrics(step, 2.0, 1.0, 1e-3, 100), NOON)

    assert counted(database, Name.TRAINING_STEPS) == {"": 4}
    assert counted(database, Name.TRAINING_TOKENS) == {"": 400}


def test_many_who_count_at_once_lose_nothing(database: Database) -> None:
    """In whatever order each names its counts, none waits for another in a circle."""
    counts = [Count(Name.TRAINING_STEPS, "", 1), Count(Name.ATTEMPTS_BEGUN, "", 1)]
    start = Barrier(4)

    def count(first: int) -> None:
        start.wait()
        for _ in range(25):
            with database.writing() as session:
                totals.add(session, *(counts if first else reversed(counts)))

    threads = [Thread(target=count, args=(number % 2,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert counted(database, Name.TRAINING_STEPS) == {"": 100}
    assert counted(database, Name.ATTEMPTS_BEGUN) == {"": 100}


def test_counts_of_a_later_version_are_left_out(database: Database) -> None:
    """While servers are upgraded one by one, old ones go on telling what they know."""
    with database.writing() as session:
        session.add(Total(name="later", label="", value=1.0))

    with database.reading() as session:
        assert totals.read(session) == {name: {} for name in Name}
