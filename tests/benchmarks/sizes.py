"""`python -m tests.benchmarks.sizes`: what a document takes in PostgreSQL, and a message in Redis.

Inputs of docker/capacity.md. The rows are as long as those of a trained document: settings, an
adapter's metadata, pairs, and an event for each optimiser step.
"""

import argparse
import json
import logging
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import redis
import structlog
from rich.console import Console
from rich.table import Table
from sqlalchemy import insert, text

from app.clock import new_id, utc_now
from app.db import Database, migrate
from app.dispatch import Dispatcher
from app.embedded.valkey import running_valkey
from app.lift.presets import PRESETS
from app.models import (
    LOCAL_OWNER,
    Adapter,
    Base,
    Document,
    Event,
    EventKind,
    Job,
    JobState,
    QAPairRow,
)
from tests.postgres import running_postgres

_SENTENCE = "The lamp of the tower was lit by Mirel Tand each evening, winter and summer."
_BATCH = 500


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="tests.benchmarks.sizes", description=__doc__)
    parser.add_argument("--documents", type=int, default=5_000)
    parser.add_argument("--pairs", type=int, default=10, help="of each document")
    parser.add_argument("--steps", type=int, default=50, help="of each training")
    parser.add_argument("--messages", type=int, default=20_000)
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    console = Console(width=100)
    console.print(_rows(given.documents, given.pairs, given.steps))
    console.print(f"a message: {_message_bytes(given.messages):,.0f} bytes in Redis")


def _rows(count: int, num_pairs: int, num_steps: int) -> Table:
    table = Table(title=f"{count:,} documents, {num_pairs} pairs and {num_steps} steps each")
    for column in ("table", "rows a document", "bytes a document, with indexes"):
        table.add_column(column, justify="right")
    with running_postgres() as url:
        migrate(url)
        database = Database(url)
        for start in range(0, count, _BATCH):
            _add(database, range(start, min(start + _BATCH, count)), num_pairs, num_steps)
        total = 0.0
        with database.reading() as session:
            for each in Base.metadata.sorted_tables:
                num_rows = session.scalar(text(f"SELECT count(*) FROM {each.name}"))
                taken = session.scalar(text(f"SELECT pg_total_relation_size('{each.name}')"))
                total += taken / count
                table.add_row(each.name, f"{num_rows / count:g}", f"{taken / count:,.0f}")
        table.add_row("all", "", f"{total:,.0f}")
        database.dispose()
    return table


def _add(database: Database, numbers: range, num_pairs: int, num_steps: int) -> None:
    rows: dict[Any, list[dict[str, Any]]] = {
        each: [] for each in (Document, Job, Adapter, QAPairRow, Event)
    }
    for number in numbers:
        _add_rows(rows, number, num_pairs, num_steps)
    with database.writing() as session:
        for table, values in rows.items():
            session.execute(insert(table), values)


def _add_rows(
    rows: dict[Any, list[dict[str, Any]]], number: int, num_pairs: int, num_steps: int
) -> None:
    now, digest, method = utc_now(), f"{number:064x}", asdict(PRESETS["balanced"])
    document, job = new_id("doc"), new_id("job")
    own = {"document_id": document, "job_id": job}
    losses = [round(3 / (step + 1), 4) for step in range(num_steps)]
    rows[Document].append(
        {"id": document, "title": _SENTENCE, "sha256": digest, "fingerprint": digest}
        | {"size_bytes": 10**5, "owner": LOCAL_OWNER, "filename": "a.pdf", "created_at": now}
        | {"num_characters": 10**5, "num_tokens": 20_000}
    )
    rows[Job].append(
        {"id": job, "document_id": document, "version": 1, "preset": "balanced", "method": method}
        | {"state": JobState.READY, "attempt": 1, "created_at": now, "started_at": now}
    )
    rows[Adapter].append(
        {"id": new_id("adp"), **own, "sha256": digest, "size_bytes": 10**8, "created_at": now}
        | {"store_key": f"documents/{document}/adapters/{digest}.safetensors"}
        | {"base_fingerprint": digest, "quality": {"verdict": "better", "num_pairs": num_pairs}}
        | {"file_metadata": {"method": json.dumps(method), "losses": json.dumps(losses)}}
    )
    rows[QAPairRow] += [
        {"id": new_id("qap"), **own, "number": pair, "question": _SENTENCE, "start": pair}
        | {"answer": _SENTENCE[:40], "evidence": _SENTENCE, "is_held_back": False}
        for pair in range(num_pairs)
    ]
    rows[Event] += [
        {"job_id": job, "kind": EventKind.METRIC, "created_at": now}
        | {"data": {"step": step, "loss": loss, "tokens_processed": step * 2000}}
        for step, loss in enumerate(losses)
    ]


def _message_bytes(count: int) -> float:
    with (
        tempfile.TemporaryDirectory(prefix="lift-s-") as folder,
        running_valkey(Path(folder)) as valkey,
    ):
        client = redis.Redis(unix_socket_path=valkey.url.partition("://")[2].partition("?")[0])
        dispatcher = Dispatcher(valkey.url, 86_400)
        assert dispatcher.send(new_id("job"), None)
        before = client.info("memory")["used_memory"]
        for _ in range(count):
            assert dispatcher.send(new_id("job"), None)
        taken = client.info("memory")["used_memory"] - before
        dispatcher.close()
        client.close()
    return float(taken) / count


if __name__ == "__main__":
    main()
