"""The way of a message: a real Valkey, a real Celery worker, a real trainer process."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.db import Database
from app.dispatch import Dispatcher
from app.models import Job, JobState
from app.outbox import dispatch
from app.settings import Settings
from tests.rows import add_job, get_job
from tests.waiting import wait_until
from tests.workers.conftest import is_running
from tests.workers.fake_trainer import pid_file

_WORKER = """
import sys
from tests.workers.fake_trainer import command
from workers import tasks
from workers.celery import app
tasks.TRAINER = command(sys.argv[1])
app.worker_main(["--quiet", "worker", "--loglevel", "WARNING"])
"""


@pytest.fixture
def broker_settings(worker_settings: Settings, valkey_url: str) -> Settings:
    """Settings with the broker that runs."""
    return worker_settings.model_copy(update={"broker_url": valkey_url})


@pytest.fixture
def dispatcher(broker_settings: Settings, valkey_url: str) -> Iterator[Dispatcher]:
    """Sends to the broker that runs."""
    dispatcher = Dispatcher(valkey_url, broker_settings.job_timeout_seconds)
    yield dispatcher
    dispatcher.close()


@contextmanager
def running_worker(
    settings: Settings, behaviour: str, **environ: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A Celery worker whose trainers behave like that."""
    environment = os.environ | {
        "LIFT_DATA_DIR": str(settings.data_dir),
        "LIFT_BROKER_URL": settings.broker_url or "",
        "LIFT_HEARTBEAT_SECONDS": "0.2",
        **environ,
    }
    command = [sys.executable, "-c", _WORKER, behaviour]
    with subprocess.Popen(command, env=environment) as worker:
        try:
            yield worker
        finally:
            worker.kill()


def trainer_pid(data_dir: Path) -> int:
    """Wait for a trainer and return its process's id."""
    path = pid_file(data_dir)
    wait_until(lambda: path.exists() and path.read_text())
    return int(path.read_text())


def test_message_leads_to_a_ready_job(
    sqlite: Database, broker_settings: Settings, dispatcher: Dispatcher
) -> None:
    """Two jobs are trained one after the other, and a message that comes twice does no harm."""
    job_ids = [add_job(sqlite), add_job(sqlite)]
    for job_id in [*job_ids, job_ids[0]]:
        dispatch(sqlite, dispatcher, job_id)

    with running_worker(broker_settings, "finish"):
        wait_until(lambda: get_job(sqlite, job_ids[1]).state == JobState.READY)

    assert [get_job(sqlite, job_id).state for job_id in job_ids] == [JobState.READY] * 2
    assert [get_job(sqlite, job_id).attempt for job_id in job_ids] == [1, 1]


def test_stopped_worker_gives_its_job_back(
    sqlite: Database, broker_settings: Settings, dispatcher: Dispatcher, job_id: str
) -> None:
    """SIGTERM lets the trainer save its work; the job waits, and has not failed."""
    dispatch(sqlite, dispatcher, job_id)
    with running_worker(broker_settings, "save_slowly") as worker:
        trainer = trainer_pid(broker_settings.data_dir)
        worker.terminate()
        worker.wait(60)  # an end by itself: only a hang takes so long

    job = get_job(sqlite, job_id)
    assert not is_running(trainer)
    assert (job.state, job.failed_attempts) == (JobState.QUEUED, 0)
    assert job.checkpoint_key == "saved"


def test_job_goes_to_a_worker_of_its_kind_only(
    sqlite: Database, broker_settings: Settings, dispatcher: Dispatcher
) -> None:
    """A worker with a CPU leaves alone what asks for an accelerator, and names its device."""
    picky, easy = add_job(sqlite, kind="cuda"), add_job(sqlite, kind="cpu")
    for job_id in (picky, easy):
        dispatch(sqlite, dispatcher, job_id)

    with running_worker(broker_settings, "finish", LIFT_DEVICES="cpu"):
        wait_until(lambda: get_job(sqlite, easy).state == JobState.READY)

    assert get_job(sqlite, picky).state == JobState.QUEUED
    assert (broker_settings.data_dir / "device").read_text() == "cpu"


def test_worker_with_two_devices_trains_two_jobs_at_once(
    sqlite: Database, broker_settings: Settings, dispatcher: Dispatcher
) -> None:
    """Each device has a job of its own."""
    for job_id in (add_job(sqlite), add_job(sqlite)):
        dispatch(sqlite, dispatcher, job_id)

    with running_worker(broker_settings, "hang", LIFT_DEVICES="cuda:0,cuda:1"):
        wait_until(lambda: _num_running(sqlite) == 2)


def _num_running(database: Database) -> int:
    with database.reading() as session:
        running = select(func.count()).where(Job.state == JobState.RUNNING)
        return session.scalars(running).one()


def test_killed_worker_takes_its_trainer_along(
    sqlite: Database, broker_settings: Settings, dispatcher: Dispatcher, job_id: str
) -> None:
    """After a kill -9 no trainer goes on in secret, and the next worker ends the job."""
    dispatch(sqlite, dispatcher, job_id)
    with running_worker(broker_settings, "hang") as worker:
        trainer = trainer_pid(broker_settings.data_dir)
        worker.send_signal(signal.SIGKILL)
        worker.wait(60)

    wait_until(lambda: not is_running(trainer), seconds=60)
    assert get_job(sqlite, job_id).state == JobState.RUNNING  # until its lease runs out
