"""The supervisor while a trainer runs: its lease is renewed, and what stops it before its end."""

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
from tests.rows import MINUTE, get_job
from tests.waiting import wait_until
from tests.workers.conftest import is_running, run
from tests.workers.fake_trainer import command, pid_file
from workers import supervisor
from workers.process import TrainerProcess


def start(database: Database, settings: Settings, job_id: str) -> tuple[threading.Thread, int]:
    """Supervise a trainer that hangs; return once it runs, with its process's id."""
    thread = threading.Thread(target=run, args=(database, settings, job_id, "hang"))
    thread.start()
    pid_path = pid_file(settings.data_dir)
    wait_until(lambda: pid_path.exists() and pid_path.read_text())
    return thread, int(pid_path.read_text())


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


def test_trainer_that_holds_too_much_memory_is_stopped_for_good(
    sqlite: Database, worker_settings: Settings, job_id: str
) -> None:
    """The limit ends the job, and says which setting it is."""
    settings = worker_settings.model_copy(update={"trainer_memory_bytes": 300_000_000})

    run(sqlite, settings, job_id, "swallow_memory")

    job = get_job(sqlite, job_id)
    assert (job.state, job.error_code, job.retryable) == (JobState.FAILED, "memory_limit", False)
    assert "LIFT_TRAINER_MEMORY_BYTES allows 300000000" in (job.error or "")


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
