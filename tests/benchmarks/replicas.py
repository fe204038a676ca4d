"""`python -m tests.benchmarks.replicas`: one API process and one worker, then two of each.

Clients upload and ask without a pause, at real servers over one PostgreSQL, one Valkey and one S3
server (moto's). A question goes to the process that its document's id names, as the proxy's example
does it, or to any with `--spread`. Ratios are of one run; where all processes share the cores that
one of them could fill, two are no faster. Nothing may fail.
"""

import argparse
import asyncio
import os
import random
import shutil
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

import httpx
from rich.console import Console
from rich.table import Table

from app.settings import Settings
from tests.faults.installation import WORKER, Installation, free_port
from tests.s3 import S3Server, running_s3
from tests.serving import TINY_OPTIONS
from tests.tiny import save_tiny_model

API = [sys.executable, "-m", "app.cli.main", "api"]
NUM_TOKENS = 16
UPLOADS = 0.05
"""Of all requests; the others are questions."""
_TIMES = "lease_seconds heartbeat_seconds grace_seconds sweep_seconds checkpoint_seconds".split()
_PATIENT = {f"LIFT_{name}".upper(): str(Settings.model_fields[name].default) for name in _TIMES}
_START_SECONDS = 600.0


@dataclass
class Heard:
    """What all clients met with."""

    first_seconds: list[float] = field(default_factory=list)
    answer_seconds: list[float] = field(default_factory=list)
    upload_seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    num_trained: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Target:
    """The API processes, and what is asked for."""

    https: Sequence[httpx.AsyncClient]
    document_ids: Sequence[str]
    upload: dict[str, object]
    is_spread: bool

    def http_of(self, document_id: str, chance: random.Random) -> httpx.AsyncClient:
        """Return the process that a question on a document goes to."""
        if self.is_spread:
            return chance.choice(self.https)
        return self.https[zlib.crc32(document_id.encode()) % len(self.https)]


def main() -> None:
    """Measure and print; exit with 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="tests.benchmarks.replicas", description=__doc__)
    parser.add_argument("--model", default="tiny", help="LIFT_MODEL; by default a random one")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--documents", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60.0, help="for each of the two")
    parser.add_argument("--spread", action="store_true", help="ask any process about any document")
    given = parser.parse_args()
    heard = [asyncio.run(measure(given, count)) for count in (1, 2)]
    show(given, *heard)
    raise SystemExit(any(each.errors for each in heard))


async def measure(given: argparse.Namespace, count: int) -> Heard:
    """Run so many API processes and workers, and let the clients loose on them."""
    with installed(given.model, count) as (installation, urls):
        async with AsyncExitStack() as stack:
            https = [await stack.enter_async_context(_http(url)) for url in urls]
            target = await prepare(given, https)
            heard, start = Heard(), time.perf_counter()
            await asyncio.gather(
                *(
                    _client(target, random.Random(number), heard, start + given.seconds)
                    for number in range(given.clients)
                )
            )
            heard.seconds = time.perf_counter() - start
            page = await https[0].get("/documents", params={"status": "ready", "limit": 100})
            heard.num_trained = len(page.json()["data"]) - given.documents
        assert installation.keeper.is_calm(), "a process has ended"
    return heard


async def prepare(given: argparse.Namespace, https: Sequence[httpx.AsyncClient]) -> Target:
    """Upload the documents that are asked, wait for their memories, and ask each once."""
    options = TINY_OPTIONS if given.model == "tiny" else {"num_qa_pairs": 0}
    upload: dict[str, object] = {"preset": "quick", "options": options, "duplicate": True}
    ids = [
        (await https[0].post("/documents", json=upload | {"text": _text(number)})).json()["id"]
        for number in range(given.documents)
    ]
    for document_id in ids:
        status = ""
        while status != "ready":
            answer = await https[0].get(f"/documents/{document_id}", params={"wait": 30})
            status = answer.json()["status"]
            assert status in ("queued", "running", "ready"), answer.text
    target = Target(https, ids, upload, given.spread)
    for document_id in ids:
        await _ask(target, document_id, random.Random(0), Heard())
    return target


async def _client(target: Target, chance: random.Random, heard: Heard, end: float) -> None:
    while time.perf_counter() < end:
        if chance.random() < UPLOADS:
            await _upload(target, chance, heard)
        else:
            await _ask(target, chance.choice(target.document_ids), chance, heard)


async def _upload(target: Target, chance: random.Random, heard: Heard) -> None:
    start = time.perf_counter()
    body = target.upload | {"text": _text(chance.randrange(10**6))}
    response = await chance.choice(target.https).post("/documents", json=body)
    heard.upload_seconds.append(time.perf_counter() - start)
    if response.status_code != httpx.codes.ACCEPTED:
        heard.errors.append(f"upload: {response.status_code}")


async def _ask(target: Target, document_id: str, chance: random.Random, heard: Heard) -> None:
    question = {
        "question": f"Who lights lamp {chance.randrange(100)}?",
        "max_tokens": NUM_TOKENS,
        "temperature": 0.7,
        "seed": chance.randrange(1000),
    }
    start, first, last = time.perf_counter(), 0.0, ""
    http = target.http_of(document_id, chance)
    path = f"/documents/{document_id}/ask/stream"
    async with http.stream("POST", path, json=question) as response:
        async for line in response.aiter_lines():
            if line.startswith("event: "):
                first, last = first or time.perf_counter() - start, line.removeprefix("event: ")
    if last != "answer.done":
        heard.errors.append(f"ask: {response.status_code} {last}")
        return
    heard.first_seconds.append(first)
    heard.answer_seconds.append(time.perf_counter() - start)


@contextmanager
def installed(model: str, count: int) -> Iterator[tuple[Installation, list[str]]]:
    """Run everything, each process with a data folder of its own."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="lift-l-", dir="/tmp"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)  # for PostgreSQL's own user
        s3 = stack.enter_context(running_s3())
        s3.make_bucket("load")
        os.environ |= S3Server.environment
        if model == "tiny":
            save_tiny_model(folder / "tiny")
        named = folder / "tiny" if model == "tiny" else Path(model)
        installation = Installation(folder, named, _settings(s3))
        stack.callback(installation.stop)
        installation.add_valkey()
        installation.add_postgres()
        installation.open()
        ports = [str(free_port()) for _ in range(count)]
        for number, port in enumerate(ports):
            for name, command in (("api", API), ("worker", WORKER)):
                own = folder / f"{name}{number}"
                own.mkdir()
                installation.add(own.name, command, LIFT_PORT=port, LIFT_DATA_DIR=str(own))
        urls = [f"http://127.0.0.1:{port}" for port in ports]
        for url in urls:
            installation.wait(lambda url=url: _is_ready(url), _START_SECONDS)
        yield installation, urls


def _settings(s3: S3Server) -> dict[str, str]:
    return {
        **_PATIENT,
        **s3.environment,
        "LIFT_STORE_URL": "s3://load/all",
        "LIFT_S3_ENDPOINT_URL": s3.url,
        "LIFT_MODEL_CACHE_DIR": str(Settings().model_cache_dir),
    }


def _http(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, timeout=600, trust_env=False)


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", trust_env=False, timeout=5).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def show(given: argparse.Namespace, one: Heard, two: Heard) -> None:
    """Print both side by side."""
    table = Table(
        title=f"{given.model}: {given.clients} clients, {given.documents} documents, "
        f"{given.seconds:g} s each, {os.cpu_count()} cores"
    )
    for column in ("what", "1 API, 1 worker", "2 APIs, 2 workers", "ratio"):
        table.add_column(column, justify="right")
    rows = [
        ("answers a second", *(len(each.answer_seconds) / each.seconds for each in (one, two))),
        ("trained a minute", *(60 * each.num_trained / each.seconds for each in (one, two))),
    ]
    for what in ("first", "answer", "upload"):
        for name, part in (("p50", median), ("p95", _p95)):
            times = (part(getattr(each, f"{what}_seconds")) for each in (one, two))
            rows.append((f"{what}, seconds, {name}", *times))
    for what, before, after in rows:
        table.add_row(
            what, f"{before:.2f}", f"{after:.2f}", f"{after / before:.2f}" if before else ""
        )
    console = Console(width=100)
    console.print(table)
    for each in (one, two):
        num_requests = len(each.answer_seconds) + len(each.upload_seconds)
        console.print(f"{num_requests} requests, {len(each.errors)} errors {each.errors[:3]}")


def _p95(seconds: Sequence[float]) -> float:
    return quantiles(seconds, n=20)[-1]


def _text(number: int) -> str:
    return f"Lamp {number} of Osmerrow is lit at dusk by keeper {number * 7 % 100}. " * 4


if __name__ == "__main__":
    main()
