"""The supervisor: whatever the trainer does, the row tells how the attempt ended."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import delete

from app import jobs
from app.clock import utc_now
from app.db import Database
from app.models import Document, JobState
from app.settings import Settings
from tests.rows import MINUTE, get_job
from tests.waiting import wait_until
from tests.workers.conftest import is_running
from tests.workers.fake_trainer import command, pid_file
from workers import supervisor
from workers.process import TrainerProcess
from workers.supervisor import supervise


def run(database: Database, settings: Settings, job_id: str, behaviour: str) -> None:
    supervise(database, settings, job_id, command(behaviour, job_id))


def start(database: Database, settings: Settings, job_id: str) -> tuple[threading.Thread, int]:
    """Supervise a trainer that hangs; return once it runs, with its process's id."""
    thread = threading.Thread(target=run, args=(database, settings, job_id, "hang"))
    thread.start()
    pid_path = pid_file(settings.data_dir)
    wait_until(lambda: pid_path.exists() and pid_path.read_text())
    return thread, int(pid_path.read_text())


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


def test_lease_is_renewed_while_the_trainer_runs(
    sqlite: Database, worker_settings: Settings, job_id: str
) -> None:
    """Each heartbeat moves the expiry."""
    thread, _ = start(sqlite, worker_settings, job_id)
    first = get_job(sqlite, job_id).lease_expires_at
    assert first is not None
    wait_until(lambda: (get_job(sqlite, job_id).lease_expires_at or first) > first)
    _delete(sqlite)
    thread.join()


def test_deleted_document_stops_its_trainer(
    sqlite: Database, worker_settings: Settings, job_id: str
) -> None:
    """A document that is deleted while it trains ends the process."""
    thread, pid = start(sqlite, worker_settings, job_id)

    _delete(sqlite)
    thread.join()

    assert not is_running(pid)


def test_lost_lease_stops_the_trainer_of_the_loser(
    sqlite: Database, worker_settings: Settings, job_id: str
) -> None:
    """A job that another worker has taken is left to it."""
    thread, pid = start(sqlite, worker_settings, job_id)

    with sqlite.writing() as session:
        jobs.expire(session, 3, utc_now() + 10 * MINUTE)
        winner = jobs.claim(session, job_id, utc_now(), MINUTE)
    thread.join()

    assert winner is not None
    assert not is_running(pid)
    assert get_job(sqlite, job_id).lease_token == winner.token


def test_trainer_that_takes_too_long_is_stopped_for_good(
    sqlite: Database, worker_settings: Settings, job_id: str
) -> None:
    """The time limit ends the job: another attempt would take as long."""
    settings = worker_settings.model_copy(update={"job_timeout_seconds": 0.2})

    run(sqlite, settings, job_id, "hang")

    job = get_job(sqlite, job_id)
    assert (job.state, job.error_code, job.retryable) == (JobState.FAILED, "timed_out", False)


def test_stopping_worker_gives_the_job_back(
    sqlite: Database, worker_settings: Settings, job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ends the worker stops the trainer and releases the job, untried."""

    def stop(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr(supervisor, "_renew", stop)

    with pytest.raises(SystemExit):
        run(sqlite, worker_settings, job_id, "hang")

    job = get_job(sqlite, job_id)
    assert (job.state, job.attempt) == (JobState.QUEUED, 0)


def test_stop_ends_what_the_trainer_started(worker_settings: Settings) -> None:
    """The trainer's own children go with it."""
    with TrainerProcess(command("hang_with_child", "job_1"), "token") as trainer:
        children = Path(f"/proc/{trainer.pid}/task/{trainer.pid}/children")
        wait_until(lambda: children.read_text())
        child = int(children.read_text())

    assert not is_running(trainer.pid)
    wait_until(lambda: not is_running(child))


def _delete(database: Database) -> None:
    with database.writing() as session:
        session.execute(delete(Document))
