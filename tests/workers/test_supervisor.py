"""The supervisor: whatever the trainer does, the row tells how the attempt ended."""

import os
import signal
import threading
from io import BytesIO
from pathlib import Path

import pytest
from sqlalchemy import delete

from app import jobs
from app.clock import utc_now
from app.db import Database
from app.leases import Lease, find_held
from app.models import Document, JobState
from app.settings import Settings
from app.storage import open_store, text_key
from tests.rows import MINUTE, add_job, get_job
from tests.waiting import wait_until
from tests.workers.conftest import is_running
from tests.workers.fake_trainer import command, pid_file, trainers
from workers import supervisor
from workers.process import TrainerProcess
from workers.supervisor import supervise


def run(database: Database, settings: Settings, job_id: str, behaviour: str) -> None:
    source = trainers(behaviour)
    try:
        supervise(database, open_store(settings), settings, job_id, source)
    finally:
        source.stop()


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
        jobs.expire(session, find_held(session), 3, utc_now())
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
    """What ends the worker stops the trainer and releases the job, which has not failed."""

    def stop(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr(supervisor, "_renew", stop)

    with pytest.raises(SystemExit):
        run(sqlite, worker_settings, job_id, "hang")

    job = get_job(sqlite, job_id)
    assert (job.state, job.failed_attempts) == (JobState.QUEUED, 0)


def test_files_of_a_deleted_document_go_with_its_trainer(
    sqlite: Database, worker_settings: Settings, job_id: str
) -> None:
    """What the trainer wrote after the deletion, and was stopped before it could know, is gone."""
    store, document_id = open_store(worker_settings), get_job(sqlite, job_id).document_id
    thread, _ = start(sqlite, worker_settings, job_id)
    with sqlite.writing() as session:
        session.execute(delete(Document))
    store.put(text_key(document_id), BytesIO(b"late"))
    thread.join()

    assert list(store.list("documents")) == []


def test_cancelled_job_stops_its_trainer(
    sqlite: Database, worker_settings: Settings, job_id: str
) -> None:
    """A cancellation ends the process, and the row stays cancelled."""
    thread, pid = start(sqlite, worker_settings, job_id)

    with sqlite.writing() as session:
        jobs.cancel(session, job_id, utc_now())
    thread.join()

    assert not is_running(pid)
    assert get_job(sqlite, job_id).state == JobState.CANCELLED


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


def test_trainer_that_holds_too_much_memory_is_stopped_for_good(
    sqlite: Database, worker_settings: Settings, job_id: str
) -> None:
    """The limit ends the job, and says which setting it is."""
    settings = worker_settings.model_copy(update={"trainer_memory_bytes": 300_000_000})

    run(sqlite, settings, job_id, "swallow_memory")

    job = get_job(sqlite, job_id)
    assert (job.state, job.error_code, job.retryable) == (JobState.FAILED, "memory_limit", False)
    assert "LIFT_TRAINER_MEMORY_BYTES allows 300000000" in (job.error or "")


def test_stopping_worker_lets_the_trainer_save_its_work(
    sqlite: Database, worker_settings: Settings, job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease is given back behind the trainer's last write, not before."""
    pid_path = pid_file(worker_settings.data_dir)

    def stop(*_: object) -> None:
        wait_until(pid_path.exists)
        raise SystemExit

    monkeypatch.setattr(supervisor, "_renew", stop)

    with pytest.raises(SystemExit):
        run(sqlite, worker_settings, job_id, "save_slowly")

    job = get_job(sqlite, job_id)
    assert (job.state, job.checkpoint_key) == (JobState.QUEUED, "saved")


def test_grace_has_an_end(
    sqlite: Database, worker_settings: Settings, job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trainer that does not save in time is killed, and the job given back all the same."""
    settings = worker_settings.model_copy(update={"grace_seconds": 0.5})
    pid_path = pid_file(settings.data_dir)

    def stop(*_: object) -> None:
        wait_until(pid_path.exists)
        raise SystemExit

    monkeypatch.setattr(supervisor, "_renew", stop)

    with pytest.raises(SystemExit):
        run(sqlite, settings, job_id, "save_slowly")

    job = get_job(sqlite, job_id)
    assert (job.state, job.checkpoint_key) == (JobState.QUEUED, None)


def test_stop_ends_what_the_trainer_started(worker_settings: Settings) -> None:
    """The trainer's own children go with it."""
    trainer = TrainerProcess(command("hang_with_child"), {})
    trainer.begin(Lease("job_1", "token"))
    children = Path(f"/proc/{trainer.pid}/task/{trainer.pid}/children")
    wait_until(lambda: children.read_text())
    child = int(children.read_text())

    trainer.stop(5.0)

    assert not is_running(trainer.pid)
    wait_until(lambda: not is_running(child))


def _delete(database: Database) -> None:
    with database.writing() as session:
        session.execute(delete(Document))
