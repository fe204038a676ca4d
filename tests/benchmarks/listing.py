"""`python -m tests.benchmarks.listing`: how long a page of 10,000 documents takes, over HTTP.

The real application on a real port, on each database. Of the documents, 200 wait in the queue. The
CPU time is that of client and server together, and holds on a busy machine, too.
"""

import argparse
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx
import structlog
from rich.console import Console
from rich.table import Table
from sqlalchemy import insert, text

from app.clock import new_id, utc_now
from app.cursors import write_cursor
from app.db import Database, migrate
from app.lift.presets import PRESETS
from app.main import create_app
from app.models import LOCAL_OWNER, Adapter, Document, Job, JobState
from app.settings import Settings
from tests.app.live import live_server
from tests.fakes import FakeAnswerer
from tests.postgres import running_postgres

_DEAD_BROKER = "redis://127.0.0.1:1/0"
_BATCH = 1000
_NUM_WAITING = 200
_RARE = 500
"""Every so many documents, one has failed and is called an audit."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="tests.benchmarks.listing", description=__doc__)
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--requests", type=int, default=50, help="for each kind of page")
    options = parser.parse_args()
    table = Table(title=f"a page of {options.documents} documents, {os.cpu_count()} cores")
    for column in ("database", "page", "documents", "p50", "p95", "CPU time"):
        table.add_column(column, justify="right")
    for kind in ("sqlite", "postgresql"):
        with _serving(kind, options.documents) as (http, ids):
            for name, (path, params) in _requests(ids).items():
                seconds, cpu_seconds, num_shown = _measure(http, path, params, options.requests)
                times = (median(seconds), quantiles(seconds, n=20)[-1], cpu_seconds)
                shown = (f"{each * 1e3:.1f} ms" for each in times)
                table.add_row(kind, name, str(num_shown), *shown)
    Console(width=100).print(table)


@contextmanager
def _serving(kind: str, count: int) -> Iterator[tuple[httpx.Client, list[str]]]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lift-b-")))
        url = f"sqlite:///{folder / 'lift.db'}"
        if kind == "postgresql":
            url = stack.enter_context(running_postgres())
        migrate(url)
        database = Database(url)
        stack.callback(database.dispose)
        ids = _fill(database, count)
        if kind == "postgresql":  # which does this by itself after some minutes; SQLite never does
            with database.writing() as session:
                session.execute(text("ANALYZE"))
        settings = Settings(
            data_dir=folder, database_url=url, broker_url=_DEAD_BROKER, sweep_seconds=3600.0
        )
        live = stack.enter_context(live_server(create_app(settings, lambda _: FakeAnswerer())))
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
        http = httpx.Client(base_url=live.url, timeout=60.0, trust_env=False)
        yield stack.enter_context(http), ids


def _requests(ids: list[str]) -> dict[str, tuple[str, dict[str, Any]]]:
    middle, end = ids[len(ids) // 2], ids[30]
    pages: dict[str, dict[str, Any]] = {
        "newest 20, which wait": {},
        "newest 100, which wait": {"limit": 100},
        "20 in the middle": {"cursor": write_cursor(middle)},
        "100 in the middle": {"cursor": write_cursor(middle), "limit": 100},
        "the last ones": {"cursor": write_cursor(end)},
        "status=failed, one in 500": {"status": "failed"},
        "q=audit, one in 500": {"q": "AUDIT"},
        "q that nothing has": {"q": "nowhere"},
    }
    floor = {"/healthz, for comparison": ("/healthz", {})}
    return floor | {name: ("/documents", params) for name, params in pages.items()}


def _measure(
    http: httpx.Client, path: str, params: dict[str, Any], times: int
) -> tuple[list[float], float, int]:
    """Return the seconds of each request, the CPU time of one, and the documents of the page.

    The first request warms up.
    """

    def ask() -> int:
        response = http.get(path, params=params)
        assert response.status_code == 200, response.text
        return len(response.json().get("data", ()))

    num_shown, cpu_began = ask(), time.process_time()
    seconds = [_seconds(ask) for _ in range(times)]
    return seconds, (time.process_time() - cpu_began) / times, num_shown


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _fill(database: Database, count: int) -> list[str]:
    """Add documents, the oldest first; returns their ids."""
    ids = sorted(new_id("doc") for _ in range(count))
    method = asdict(PRESETS["quick"])
    for start in range(0, count, _BATCH):
        numbers = range(start, min(start + _BATCH, count))
        rows = [_rows(number, ids[number], method, count) for number in numbers]
        with database.writing() as session:
            for table, column in ((Document, 0), (Job, 1), (Adapter, 2)):
                session.execute(insert(table), [row[column] for row in rows if row[column]])
    return ids


def _rows(
    number: int, document_id: str, method: dict[str, Any], count: int
) -> tuple[dict[str, Any], ...]:
    moment = utc_now() - timedelta(seconds=count - number)
    waits, failed = number >= count - _NUM_WAITING, number % _RARE == 0
    state = JobState.QUEUED if waits else JobState.FAILED if failed else JobState.READY
    document = {
        "id": document_id,
        "title": f"{'Audit' if failed else 'Report'} {number}",
        "sha256": f"{number:064x}",
        "fingerprint": f"{number:064x}",
        "size_bytes": 100_000,
        "owner": LOCAL_OWNER,
        "created_at": moment,
    }
    job = {
        "id": new_id("job"),
        "document_id": document_id,
        "version": 1,
        "preset": "quick",
        "method": method,
        "state": state,
        "attempt": 0 if waits else 1,
        "started_at": None if waits else moment,
        "finished_at": None if waits else moment,
        "created_at": moment,
    }
    adapter = {
        "id": new_id("adp"),
        "document_id": document_id,
        "job_id": job["id"],
        "sha256": f"{number:064x}",
        "size_bytes": 1_000_000,
        "store_key": "x",
        "base_fingerprint": "base",
        "file_metadata": {"method": "x" * 1000},
        "created_at": moment,
    }
    return document, job, adapter if state is JobState.READY else {}


if __name__ == "__main__":
    main()
