"""The supervisor: whatever the trainer does, the row tells how the attempt ended."""

import os
import signal

import pytest

from app import jobs
from app.clock import utc_now
from app.db import Database
from app.models import JobState
from app.settings import Settings
from app.storage import open_store
from tests.rows import MINUTE, add_job, get_job
from tests.waiting import wait_until
from tests.workers.conftest import is_running, run
from tests.workers.fake_trainer import pid_file, trainers
from workers.supervisor import supervise


def test_finished_trainer_leaves_a_ready_job(
    sqlite: Database, worker_settings: Settings, job_id: str
) -> None:
    """What the trainer wrote is the end; the supervisor adds nothing."""
    run(sqlite, worker_settings, job_id, "finish")

    job = get_job(sqlite, job_id)
    assert (job.state, job.attempt, job.error) == (JobState.READY, 1, None)


def test_refusal_of_the_trainer_stays(
    sqlite: Database, worker_settings: Settings, job_id: str
) -> None:
    """A permanent failure that the trainer wrote is not tried again."""
    run(sqlite, worker_settings, job_id, "refuse")

    job = get_job(sqlite, job_id)
    assert (job.state, job.error_code) == (JobState.FAILED, "document_refused")


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("crash", "The trainer ended with exit code 1: ValueError: no luck today"),
        ("die", "The trainer was killed by SIGKILL."),
        ("leave", "The trainer ended without a result."),
    ],
    ids=["crash", "die", "leave"],
)
def test_death_of_the_trainer_is_a_failed_attempt(
    sqlite: Database, worker_settings: Settings, job_id: str, behaviour: str, reason: str
) -> None:
    """The job waits for its next attempt, with the exit code or signal and the last line."""
    run(sqlite, worker_settings, job_id, behaviour)

    job = get_job(sqlite, job_id)
    assert (job.state, job.error_code, job.error) == (JobState.QUEUED, "trainer_died", reason)


def test_last_death_fails_the_job(sqlite: Database, worker_settings: Settings, job_id: str) -> None:
    """When the attempts are used up, the document has failed, with the reason."""
    for _ in range(worker_settings.max_attempts):
        run(sqlite, worker_settings, job_id, "die")

    job = get_job(sqlite, job_id)
    assert (job.state, job.attempt) == (JobState.FAILED, worker_settings.max_attempts)


def test_second_message_for_a_running_job_does_nothing(
    sqlite: Database, worker_settings: Settings, job_id: str
) -> None:
    """A job that is claimed starts no second trainer."""
    with sqlite.writing() as session:
        jobs.claim(session, job_id, utc_now(), MINUTE)

    run(sqlite, worker_settings, job_id, "finish")

    assert not pid_file(worker_settings.data_dir).exists()
    assert get_job(sqlite, job_id).state == JobState.RUNNING


def test_message_is_answered_with_the_job_that_is_next(
    sqlite: Database, worker_settings: Settings, job_id: str
) -> None:
    """Whatever job the message names, the most urgent one of its kind is taken."""
    urgent = add_job(sqlite, priority=9)

    run(sqlite, worker_settings, job_id, "finish")

    assert get_job(sqlite, urgent).state == JobState.READY
    assert get_job(sqlite, job_id).state == JobState.QUEUED


def test_message_of_a_deleted_document_takes_no_job(
    sqlite: Database, worker_settings: Settings, job_id: str
) -> None:
    """The jobs that wait have messages of their own."""
    run(sqlite, worker_settings, "job_gone", "finish")

    assert get_job(sqlite, job_id).state == JobState.QUEUED


def test_trainer_that_did_well_gets_the_next_job(
    sqlite: Database, worker_settings: Settings
) -> None:
    """The process, and the base model in it, stays for the next job."""
    source, pids = trainers("finish"), []
    for job_id in (add_job(sqlite), add_job(sqlite)):
        supervise(sqlite, open_store(worker_settings), worker_settings, job_id, source)
        pids.append(int(pid_file(worker_settings.data_dir).read_text()))
    source.stop()

    assert pids[0] == pids[1]
    assert not is_running(pids[0])


@pytest.mark.parametrize("behaviour", ["die", "crash", "refuse"])
def test_trainer_that_failed_gets_no_other_job(
    sqlite: Database, worker_settings: Settings, behaviour: str
) -> None:
    """After a failure the next job begins in a clean process."""
    source, pids = trainers(behaviour), []
    for job_id in (add_job(sqlite), add_job(sqlite, priority=1)):
        supervise(sqlite, open_store(worker_settings), worker_settings, job_id, source)
        pids.append(int(pid_file(worker_settings.data_dir).read_text()))
    source.stop()

    assert pids[0] != pids[1]


def test_kept_trainer_that_died_is_replaced(sqlite: Database, worker_settings: Settings) -> None:
    """A process that was lost between two jobs costs the second one no attempt."""
    source = trainers("finish")
    first, second = add_job(sqlite), add_job(sqlite)
    supervise(sqlite, open_store(worker_settings), worker_settings, first, source)
    pid = int(pid_file(worker_settings.data_dir).read_text())
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_running(pid))
    supervise(sqlite, open_store(worker_settings), worker_settings, second, source)
    source.stop()

    job = get_job(sqlite, second)
    assert (job.state, job.attempt) == (JobState.READY, 1)
