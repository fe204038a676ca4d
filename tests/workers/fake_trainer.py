"""A trainer without a model: `python -m tests.workers.fake_trainer BEHAVIOUR REPORT_FD`.

It gets leases and settings like the real one, and behaves as it is told.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import structlog

from app import attempts, jobs
from app.clock import utc_now
from app.db import Database
from app.jobs import Failure, PublishedAdapter
from app.leases import Lease
from app.logs import configure_logging
from app.settings import Settings
from workers.warm import WarmTrainer


def trainers(behaviour: str, environment: Mapping[str, str] | None = None) -> WarmTrainer:
    """Return a source of fake trainers."""
    return WarmTrainer(command(behaviour), environment or {})


def command(behaviour: str) -> list[str]:
    """Return the command that runs a fake trainer."""
    return [sys.executable, "-m", "tests.workers.fake_trainer", behaviour]


def pid_file(data_dir: Path) -> Path:
    """Where a fake trainer writes its process's id while it works on a lease."""
    return data_dir / "trainer.pid"


def finish(database: Database, lease: Lease) -> None:
    with database.writing() as session:
        jobs.finish(session, lease, PublishedAdapter("a" * 64, 1, "key", "base", {}), 10, utc_now())


def refuse(database: Database, lease: Lease) -> None:
    failure = Failure("document_refused", "It is too short.", retryable=False)
    with database.writing() as session:
        jobs.fail_attempt(session, lease, failure, 3, utc_now())
    sys.exit()


def crash(_: Database, __: Lease) -> None:
    raise ValueError("no luck today")


def die(_: Database, __: Lease) -> None:
    configure_logging()
    structlog.get_logger().info("not_the_reason")
    os.kill(os.getpid(), signal.SIGKILL)


def leave(_: Database, __: Lease) -> None:
    """End well without a result."""
    sys.exit()


def hang(_: Database, __: Lease) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    time.sleep(300)


def hang_with_child(_: Database, __: Lease) -> None:
    subprocess.Popen(["sleep", "300"], stdin=subprocess.DEVNULL)
    time.sleep(300)


def swallow_memory(_: Database, __: Lease) -> None:
    held = bytearray(400_000_000)
    time.sleep(300)
    del held


def save_slowly(database: Database, lease: Lease) -> None:
    """Need some seconds behind SIGTERM to save the work."""

    def save(*_: object) -> None:
        time.sleep(4.0)
        with database.writing() as session:
            attempts.replace_checkpoint(session, lease, "saved")
        sys.exit()

    signal.signal(signal.SIGTERM, save)
    time.sleep(300)


if __name__ == "__main__":
    settings = Settings()
    own = Database(settings.resolved_database_url)
    for line in sys.stdin:
        (settings.data_dir / "device").write_text(settings.device)
        pid_file(settings.data_dir).write_text(str(os.getpid()))
        globals()[sys.argv[1]](own, Lease(**json.loads(line)["lease"]))
        os.write(int(sys.argv[2]), b".")
