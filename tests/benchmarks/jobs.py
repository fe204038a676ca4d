"""`python -m tests.benchmarks.jobs`: jobs a second through everything but the training.

Real messages, a real worker, a real supervisor and a trainer process that only writes the end of
each job. What is measured is what the machinery costs a job, from the first end to the last.
"""

import argparse
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import product
from pathlib import Path

import psutil
import structlog
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
    parser.add_argument("--jobs", type=int, nargs="+", default=[400], help="in one queue")
    parser.add_argument("--trainers", type=int, nargs="+", default=[1, 2], help="of the worker")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    table = Table(title=f"jobs a second with a trainer that does nothing, {os.cpu_count()} cores")
    for column in ("database", "jobs that wait", "trainers", "jobs a second", "CPU time a job"):
        table.add_column(column, justify="right")
    for kind, count, trainers in product(("sqlite", "postgresql"), given.jobs, given.trainers):
        rate, cpu_seconds = _measure(kind, count, trainers)
        cost = f"{cpu_seconds * 1e3:.0f} ms"
        table.add_row(kind, str(count), str(trainers), f"{rate:.0f}", cost)
    Console(width=120).print(table)


def _measure(kind: str, count: int, trainers: int) -> tuple[float, float]:
    """Return jobs a second, and the seconds of CPU time that worker and trainers spent on one."""
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
        worker = stack.enter_context(_worker(folder, url, broker, trainers))
        wait_until(lambda: _num_ready(database) > 0, _MOST_SECONDS)
        num_before, spent_before = _num_ready(database), _cpu_seconds(worker)
        wait_until(lambda: _num_ready(database) == count, _MOST_SECONDS)
        spent = _cpu_seconds(worker) - spent_before
        return _rate(database, count), spent / (count - num_before)


@contextmanager
def _worker(folder: Path, url: str, broker: str, trainers: int) -> Iterator[psutil.Process]:
    settings = {
        "LIFT_DATA_DIR": str(folder),
        "LIFT_DATABASE_URL": url,
        "LIFT_BROKER_URL": broker,
        "LIFT_DEVICES": ",".join(["cpu"] * trainers),
    }
    command = [sys.executable, "-m", "tests.faults.worker", "finish"]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, env=os.environ | settings, stdout=log, stderr=log) as worker,
    ):
        try:
            yield psutil.Process(worker.pid)
        finally:
            worker.terminate()


def _cpu_seconds(worker: psutil.Process) -> float:
    times = [each.cpu_times() for each in (worker, *worker.children(recursive=True))]
    return sum(each.user + each.system for each in times)


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
