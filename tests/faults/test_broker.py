"""Messages that are lost, doubled or late: they are hints, and the rows are the truth."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from sqlalchemy import select

from app.dispatch import Dispatcher
from app.models import Event, EventKind, Job, JobState
from tests.faults.installation import API, Installation, installed
from tests.faults.texts import KINDS

_FINISHING = [sys.executable, "-m", "tests.faults.worker", "finish"]
_TEXT, _OPTIONS = KINDS[0].text, KINDS[0].options


@pytest.fixture
def without_worker(folder: Path, model: Path) -> Iterator[Installation]:
    """Valkey, SQLite and an API."""
    with installed(folder, model, num_workers=0) as installation:
        yield installation


def upload(installation: Installation, count: int) -> list[str]:
    """Upload some documents, each of which has to be taken."""
    taken = [installation.upload(_TEXT, _OPTIONS) for _ in range(count)]
    assert all(taken)
    return [each for each in taken if each]


def read_jobs(installation: Installation) -> list[Job]:
    with installation.database.reading() as session:
        return list(session.scalars(select(Job).order_by(Job.id)))


def all_ready(installation: Installation) -> bool:
    return {job.state for job in read_jobs(installation)} == {JobState.READY}


def broker(installation: Installation) -> redis.Redis:
    """Return a client of the installation's Valkey."""
    return redis.Redis(unix_socket_path=urlsplit(installation.environment["LIFT_BROKER_URL"]).path)


def test_wiped_broker_costs_no_waiting_job(without_worker: Installation) -> None:
    """What the broker forgets before a worker asked for it is sent again."""
    upload(without_worker, 5)
    without_worker.wait(lambda: all(job.dispatched_at for job in read_jobs(without_worker)))
    with broker(without_worker) as client:
        assert client.llen("lift") >= 5  # more if a sweep came between commit and message
        client.flushall()
    without_worker.add("worker1", _FINISHING)

    without_worker.wait(lambda: all_ready(without_worker))

    assert [job.attempt for job in read_jobs(without_worker)] == [1] * 5


def test_upload_needs_no_broker(without_worker: Installation) -> None:
    """While it is away documents are taken, in seconds; when it is back they are trained."""
    valkey = without_worker.keeper.services.pop("valkey")
    os.kill(valkey.pid, signal.SIGKILL)
    started = time.monotonic()
    upload(without_worker, 3)
    seconds = time.monotonic() - started
    without_worker.pause(2.0)
    assert [job.dispatched_at for job in read_jobs(without_worker)] == [None] * 3
    without_worker.add("worker1", _FINISHING)
    without_worker.pause(3.0)
    without_worker.keeper.add("valkey", valkey)

    without_worker.wait(lambda: all_ready(without_worker))

    assert seconds < 3 * 4.0


def test_doubled_messages_train_nothing_twice(without_worker: Installation) -> None:
    """Two workers get each message several times, at once; every job has one attempt, one end."""
    upload(without_worker, 6)
    dispatcher = Dispatcher(without_worker.environment["LIFT_BROKER_URL"], 60.0)
    for job in read_jobs(without_worker) * 3:
        assert dispatcher.send(job.id, None)
    for name in ("worker1", "worker2"):
        without_worker.add(name, _FINISHING)

    without_worker.wait(lambda: all_ready(without_worker))
    with broker(without_worker) as client:
        without_worker.wait(lambda: client.llen("lift") == 0)
    dispatcher.close()

    assert [job.attempt for job in read_jobs(without_worker)] == [1] * 6
    with without_worker.database.reading() as session:
        ends = session.scalars(select(Event.job_id).where(Event.kind == EventKind.DONE)).all()
    assert sorted(ends) == [job.id for job in read_jobs(without_worker)]


def test_api_killed_between_commit_and_dispatch_loses_nothing(folder: Path, model: Path) -> None:
    """Its successor finds the job that was never sent, and sends it."""
    trap = folder / "trap"
    trap.touch()
    dying = [API[0], "-m", "tests.faults.dying_api"]
    with installed(folder, model, num_workers=0, api=dying, FAULTS_DIE=str(trap)) as installation:
        assert installation.upload(_TEXT, _OPTIONS) is None
        (job,) = read_jobs(installation)
        assert (job.state, job.dispatched_at) == (JobState.QUEUED, None)
        installation.wait_for_api()
        installation.add("worker1", _FINISHING)

        installation.wait(lambda: all_ready(installation))
        num_starts = installation.keeper.num_starts["api"]

    assert num_starts == 2
