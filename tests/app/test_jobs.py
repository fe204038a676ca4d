"""The job's state machine and its fencing token, from the claim to the end of an attempt."""

import threading

from sqlalchemy import select

from app import attempts, jobs
from app.db import Database
from app.leases import Lease, find_held
from app.models import Adapter, Document, JobState
from tests.app.actions import ADAPTER, CRASH, REFUSAL
from tests.rows import MINUTE, NOON, add_job, claim, expire, get_job


def test_claim_starts_an_attempt(database: Database) -> None:
    """The claimed job runs under the lease, with one more attempt."""
    job_id = add_job(database)

    lease = claim(database, job_id)

    job = get_job(database, job_id)
    assert (job.state, job.attempt, job.lease_token) == (JobState.RUNNING, 1, lease.token)
    assert job.lease_expires_at == NOON + MINUTE


def test_claim_of_a_claimed_job_is_refused(database: Database) -> None:
    """A second message for a running job finds nothing to do."""
    job_id = add_job(database)
    claim(database, job_id)

    with database.writing() as session:
        assert jobs.claim(session, job_id, NOON, MINUTE) is None


def test_claim_by_many_at_once_has_one_winner(database: Database) -> None:
    """Of eight claims at the same moment exactly one gets a lease."""
    job_id = add_job(database)
    leases: list[Lease | None] = []
    barrier = threading.Barrier(8)

    def race() -> None:
        barrier.wait()
        with database.writing() as session:
            leases.append(jobs.claim(session, job_id, NOON, MINUTE))

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(leases) == 8
    assert len([lease for lease in leases if lease]) == 1


def test_renewal_moves_the_expiry(database: Database) -> None:
    """A renewed lease counts from the renewal."""
    job_id = add_job(database)
    lease = claim(database, job_id)

    with database.writing() as session:
        jobs.renew(session, lease, NOON + MINUTE, MINUTE)

    assert get_job(database, job_id).lease_expires_at == NOON + 2 * MINUTE


def test_finish_makes_the_job_ready_with_its_adapter(database: Database) -> None:
    """Adapter row, token count and state come in one transaction."""
    job_id = add_job(database)
    lease = claim(database, job_id)

    with database.writing() as session:
        attempts.start_stage(session, lease, "publish", 1, "adapter", NOON)
        jobs.finish(session, lease, ADAPTER, 1234, NOON)

    job = get_job(database, job_id)
    with database.reading() as session:
        adapter = session.scalars(select(Adapter)).one()
        num_tokens = session.scalars(select(Document.num_tokens)).one()
    assert (job.state, job.lease_token, job.finished_at) == (JobState.READY, None, NOON)
    assert (job.completed, job.total) == (1, 1)
    assert (adapter.job_id, adapter.sha256, adapter.file_metadata) == (
        job_id,
        "a" * 64,
        {"format": "1"},
    )
    assert num_tokens == 1234


def test_finish_clears_the_failure_of_an_earlier_attempt(database: Database) -> None:
    """A ready document shows no error."""
    job_id = add_job(database)
    with database.writing() as session:
        jobs.fail_attempt(session, claim(database, job_id), CRASH, 3, NOON)
    lease = claim(database, job_id)

    with database.writing() as session:
        jobs.finish(session, lease, ADAPTER, 1, NOON)

    assert get_job(database, job_id).error is None


def test_retryable_failure_queues_the_job_again(database: Database) -> None:
    """An attempt that died leaves the job waiting, undispatched, with the reason."""
    job_id = add_job(database)
    lease = claim(database, job_id)

    with database.writing() as session:
        jobs.fail_attempt(session, lease, CRASH, 3, NOON)

    job = get_job(database, job_id)
    assert (job.state, job.attempt, job.dispatched_at) == (JobState.QUEUED, 1, None)
    assert (job.error_code, job.error) == (CRASH.code, CRASH.detail)
    assert job.finished_at is None


def test_last_failure_is_final(database: Database) -> None:
    """When the attempts are used up, the job has failed, and says that a retry may help."""
    job_id = add_job(database)
    for _ in range(3):
        lease = claim(database, job_id)
        with database.writing() as session:
            jobs.fail_attempt(session, lease, CRASH, 3, NOON)

    job = get_job(database, job_id)
    assert (job.state, job.attempt, job.retryable) == (JobState.FAILED, 3, True)
    assert job.finished_at == NOON


def test_permanent_failure_is_final_at_once(database: Database) -> None:
    """What must fail again is not tried again."""
    job_id = add_job(database)
    lease = claim(database, job_id)

    with database.writing() as session:
        jobs.fail_attempt(session, lease, REFUSAL, 3, NOON)

    job = get_job(database, job_id)
    assert (job.state, job.attempt, job.retryable) == (JobState.FAILED, 1, False)


def test_released_attempt_does_not_count(database: Database) -> None:
    """A worker that has to stop costs the job nothing."""
    job_id = add_job(database)
    lease = claim(database, job_id)

    with database.writing() as session:
        jobs.release(session, lease, NOON)

    job = get_job(database, job_id)
    assert (job.state, job.failed_attempts, job.error) == (JobState.QUEUED, 0, None)


def test_expired_lease_queues_the_job_again(database: Database) -> None:
    """A silent worker loses its job."""
    job_id = add_job(database)
    claim(database, job_id)

    assert expire(database) == 1

    assert get_job(database, job_id).state == JobState.QUEUED


def test_live_lease_does_not_expire(database: Database) -> None:
    """A job whose worker renews just when its lease is to end is left alone."""
    job_id = add_job(database)
    lease = claim(database, job_id)
    with database.reading() as session:
        silent = find_held(session)
    with database.writing() as session:
        jobs.renew(session, lease, NOON + MINUTE, MINUTE)

    with database.writing() as session:
        assert jobs.expire(session, silent, 3, NOON + MINUTE) == 0

    assert get_job(database, job_id).state == JobState.RUNNING


def test_waiting_job_never_expires(database: Database) -> None:
    """Only a running job has a lease: the queue may be as long as it likes."""
    job_id = add_job(database)

    assert expire(database) == 0

    assert get_job(database, job_id).state == JobState.QUEUED


def test_expiry_on_the_last_attempt_fails_the_job(database: Database) -> None:
    """A document that kills each worker does not go round for ever."""
    job_id = add_job(database)
    claim(database, job_id)

    expire(database, max_attempts=1)

    job = get_job(database, job_id)
    assert (job.state, job.error_code) == (JobState.FAILED, "worker_lost")
