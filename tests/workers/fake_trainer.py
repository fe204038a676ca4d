"""A trainer without a model: `python -m tests.workers.fake_trainer BEHAVIOUR JOB_ID`.

It gets the lease and the settings like the real one, and behaves as it is told.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from app import jobs
from app.clock import utc_now
from app.db import Database
from app.jobs import Failure, Lease, PublishedAdapter
from app.settings import Settings


def command(behaviour: str, job_id: str) -> list[str]:
    """Return the command that runs a fake trainer."""
    return [sys.executable, "-m", "tests.workers.fake_trainer", behaviour, job_id]


def pid_file(data_dir: Path) -> Path:
    """Where a fake trainer writes its process's id."""
    return data_dir / "trainer.pid"


def finish(lease: Lease) -> None:
    with Database(Settings().resolved_database_url).writing() as session:
        jobs.finish(session, lease, PublishedAdapter("a" * 64, 1, "key", "base", {}), 10, utc_now())


def refuse(lease: Lease) -> None:
    failure = Failure("document_refused", "It is too short.", retryable=False)
    with Database(Settings().resolved_database_url).writing() as session:
        jobs.fail_attempt(session, lease, failure, 3, utc_now())


def crash(_: Lease) -> None:
    raise ValueError("no luck today")


def die(_: Lease) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leave(_: Lease) -> None:
    """End well without a result."""


def hang(_: Lease) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    time.sleep(300)


def hang_with_child(_: Lease) -> None:
    subprocess.Popen(["sleep", "300"], stdin=subprocess.DEVNULL)
    time.sleep(300)


if __name__ == "__main__":
    pid_file(Settings().data_dir).write_text(str(os.getpid()))
    given = Lease(sys.argv[2], sys.stdin.readline().strip())
    globals()[sys.argv[1]](given)
