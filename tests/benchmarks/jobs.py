"""`python -m tests.benchmarks.jobs`: jobs a second through everything but the training.

Real messages, a real worker, a real supervisor and a trainer process that only writes the end of
each job. What is measured is what the machinery costs a job, from the first end to the last.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select

from app.db import Database, migrate
from app.dispatch import Dispatcher
from app.embedded.valkey import running_valkey
from app.models import Job, JobState
from tests.postgres import running_postgres
from tests.rows import add_job
from tests.waiting import wait_until

_MOST_SECONDS = 600.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="tests.benchmarks.jobs", description=__doc__)
    parser.add_argument("--jobs", type=int, nargs="+", default=[500, 5000], help="in one queue")
    counts = parser.parse_args().jobs
    table = Table(title=f"jobs a second with a trainer that does nothing, {os.cpu_count()} cores")
    for column in ("database", "jobs that wait", "jobs a second", "a job"):
        table.add_column(column, justify="right")
    for kind in ("sqlite", "postgresql"):
        for count in counts:
            rate = _jobs_a_second(kind, count)
            table.add_row(kind, str(count), f"{rate:.0f}", f"{1e3 / rate:.1f} ms")
    Console(width=120).print(table)


def _jobs_a_second(kind: str, count: int) -> float:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lift-b-")))
        url = f"sqlite:///{folder / 'lift.db'}"
        if kind == "postgresql":
            url = stack.enter_context(running_postgres())
        broker = stack.enter_context(running_valkey(folder / "valkey")).url
        migrate(url)
        database = Database(url)
        stack.callback(database.dispose)
        dispatcher = Dispatcher(broker, 60.0)
        stack.callback(dispatcher.close)
        for _ in range(count):
            assert dispatcher.send(add_job(database), None)
        stack.enter_context(_worker(folder, url, broker))
        wait_until(lambda: _num_ready(database) == count, _MOST_SECONDS)
        return _rate(database, count)


@contextmanager
def _worker(folder: Path, url: str, broker: str) -> Iterator[None]:
    settings = {"LIFT_DATA_DIR": str(folder), "LIFT_DATABASE_URL": url, "LIFT_BROKER_URL": broker}
    command = [sys.executable, "-m", "tests.faults.worker", "finish"]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, env=os.environ | settings, stdout=log, stderr=log) as worker,
    ):
        try:
            yield
        finally:
            worker.terminate()


def _num_ready(database: Database) -> int:
    with database.reading() as session:
        ready = select(func.count(Job.id)).where(Job.state == JobState.READY)
        return session.scalars(ready).one()


def _rate(database: Database, count: int) -> float:
    with database.reading() as session:
        ends = select(func.min(Job.finished_at), func.max(Job.finished_at))
        first, last = session.execute(ends).one()
    return (count - 1) / (last - first).total_seconds()


if __name__ == "__main__":
    main()
