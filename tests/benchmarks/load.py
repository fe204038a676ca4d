"""`python -m tests.benchmarks.load`: clients that never stop asking, at a real server with SmolLM2.

The memories are random, and each document is asked once before the clock starts. Memory is that of
all processes of the server. Nothing may fail.
"""

import argparse
import asyncio
import hashlib
import json
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles

import httpx
import psutil
import torch
from rich.console import Console
from rich.table import Table

from app.db import Database, migrate
from app.lift.adapter import Lifted, write_adapter
from app.lift.base_model import BaseModel, load_base_model
from app.lift.memory import GatedMemory
from app.lift.presets import PRESETS
from app.samples import load_sample
from app.settings import Settings
from app.storage import open_store
from tests.rows import add_document, make_ready, queue_job
from tests.serving import serving

QUESTIONS = [question.question for question in load_sample("osmerrow").questions]
NUM_TOKENS = 32
LOOK_SECONDS = 2.0
SETTLED = 0.2
"""So much of the time has passed when memory should have settled."""
_MIB = 1024**2


@dataclass
class Heard:
    """What all clients met with."""

    first_seconds: list[float] = field(default_factory=list)
    gap_seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    memory_bytes: list[tuple[float, int]] = field(default_factory=list)
    """With the seconds since the start."""


def main() -> None:
    """Measure and print; exit with 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="tests.benchmarks.load", description=__doc__)
    parser.add_argument("--documents", type=int, default=30)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=5.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder) / "data"
        settings = Settings(data_dir=data_dir, model_cache_dir=Settings().model_cache_dir)
        ids = publish(settings, given.documents)
        kept = str(settings.model_cache_dir)
        with serving(data_dir, LIFT_MODEL_CACHE_DIR=kept, LIFT_PRESET="quick") as served:
            process = psutil.Process(served.process.pid)
            heard = asyncio.run(ask_all(served.url(), ids, given.clients, given.minutes, process))
    show(heard, given)
    raise SystemExit(bool(heard.errors))


def publish(settings: Settings, num_documents: int) -> list[str]:
    """Put documents with random memories into a new server's database and store."""
    settings.data_dir.mkdir()
    url = settings.resolved_database_url
    migrate(url)
    database, store = Database(url), open_store(settings)
    base = load_base_model("smollm2", settings.model_cache_dir)
    text = load_sample("osmerrow").text
    ids = []
    for number in range(num_documents):
        with database.writing() as session:
            ids.append(add_document(session).id)
            queue_job(session, ids[-1])
        content = _adapter(base, number, settings.data_dir)
        digest = hashlib.sha256(content).hexdigest()
        own = text[number * 200 :] + text[: number * 200]
        make_ready(database, store, ids[-1], digest, text=own, content=content)
    database.dispose()
    return ids


async def ask_all(
    url: str, ids: list[str], num_clients: int, minutes: float, process: psutil.Process
) -> Heard:
    """Ask each document once, and then whatever chance wants, from all clients at once."""
    heard = Heard()
    async with httpx.AsyncClient(base_url=url, timeout=600, trust_env=False) as http:
        for document_id in ids:
            await _ask(http, document_id, random.Random(0), Heard())
        end = time.perf_counter() + minutes * 60
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_watch(process, heard, end))
            for number in range(num_clients):
                tasks.create_task(_client(http, ids, random.Random(number), heard, end))
    return heard


async def _client(
    http: httpx.AsyncClient, ids: list[str], chance: random.Random, heard: Heard, end: float
) -> None:
    while time.perf_counter() < end:
        await _ask(http, chance.choice(ids), chance, heard)


async def _ask(
    http: httpx.AsyncClient, document_id: str, chance: random.Random, heard: Heard
) -> None:
    question = {
        "question": chance.choice(QUESTIONS),
        "max_tokens": NUM_TOKENS,
        "temperature": 0.7,
        "seed": chance.randrange(1000),
    }
    times, events = [time.perf_counter()], list[str]()
    path = f"/documents/{document_id}/ask/stream"
    async with http.stream("POST", path, json=question) as response:
        async for line in response.aiter_lines():
            if line.startswith("event: "):
                events.append(line.removeprefix("event: "))
                times.append(time.perf_counter())
    if response.status_code != httpx.codes.OK or events[-1:] != ["answer.done"]:
        heard.errors.append(json.dumps([response.status_code, events[-1:]]))
        return
    heard.first_seconds.append(times[1] - times[0])
    heard.gap_seconds += [late - early for early, late in pairwise(times[1:-1])]


async def _watch(process: psutil.Process, heard: Heard, end: float) -> None:
    start = time.perf_counter()
    while (now := time.perf_counter()) < end:
        heard.memory_bytes.append((now - start, sum(_resident_bytes(process))))
        await asyncio.sleep(LOOK_SECONDS)


def _resident_bytes(process: psutil.Process) -> Iterator[int]:
    for each in [process, *process.children(recursive=True)]:
        try:
            yield each.memory_info().rss
        except psutil.NoSuchProcess:
            continue


def show(heard: Heard, given: argparse.Namespace) -> None:
    """Print what was met with."""
    table = Table(
        title=f"{given.documents} documents, {given.clients} clients, {given.minutes:g} minutes"
    )
    for column in ("what", "p50", "p95"):
        table.add_column(column)
    for what, seconds in (
        ("first piece", heard.first_seconds),
        ("between two pieces", heard.gap_seconds),
    ):
        table.add_row(what, f"{median(seconds):.2f} s", f"{quantiles(seconds, n=20)[-1]:.2f} s")
    console = Console(width=120)
    console.print(table)
    num_answers = len(heard.first_seconds)
    settled_seconds = given.minutes * 60 * SETTLED
    settled = [size for seconds, size in heard.memory_bytes if seconds > settled_seconds]
    half = len(settled) // 2
    before, after = (median(sizes) / _MIB for sizes in (settled[:half], settled[half:]))
    console.print(f"{num_answers} answers, {len(heard.errors)} errors {heard.errors[:3]}")
    console.print(
        f"memory after {settled_seconds:.0f} s, in halves: {before:.0f} MiB, {after:.0f} MiB"
    )


def _adapter(base: BaseModel, seed: int, folder: Path) -> bytes:
    memory = GatedMemory.initialised(base.shapes, 2, torch.Generator().manual_seed(seed))
    path = folder / "random.safetensors"
    lifted = Lifted(memory, base, PRESETS["quick"], 1, 0, 1, (1.0,))
    write_adapter(path, lifted, document_sha256="", preset="quick", created_at="")
    content = path.read_bytes()
    path.unlink()
    return content


if __name__ == "__main__":
    main()
