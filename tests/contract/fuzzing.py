"""Schemathesis against a live API: a real database and store, an engine without a model."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select
from sqlalchemy.exc import NoResultFound

from app import keys
from app.callers import Scope
from app.clock import utc_now
from app.db import Database, migrate
from app.key_views import KeyWish
from app.leases import LeaseLostError
from app.main import create_app
from app.models import Job, JobState
from app.openapi.walking import media_types_of, operations_of
from app.settings import Settings
from app.storage import Store, open_store
from tests.app.live import live_server
from tests.fakes import FakeAnswerer
from tests.rows import make_ready

_HERE = Path(__file__).parent
_COUNT = re.compile(r"(\d+) generated")


@dataclass(frozen=True, slots=True)
class Target:
    """A running API, and a key to everything in it."""

    url: str
    key: str


@dataclass(frozen=True, slots=True)
class Campaign:
    """What a run of Schemathesis came to."""

    status: int
    """0: nothing failed."""
    num_cases: int
    report: str


@contextmanager
def fuzzed_api(settings: Settings) -> Iterator[Target]:
    """Serve an API that asks for keys, and in which documents become ready."""
    url = settings.resolved_database_url
    migrate(url)
    database, store = Database(url), open_store(settings)
    with database.writing() as session:
        wish = KeyWish(name="fuzzer", scopes=set(Scope))
        key = keys.create(session, wish, utc_now()).secret
    app = create_app(settings.model_copy(update={"auth": "keys"}), lambda _: FakeAnswerer())
    stopping = threading.Event()
    finisher = threading.Thread(target=_finish_jobs, args=(database, store, stopping))
    with live_server(app) as live:
        finisher.start()
        try:
            yield Target(live.url, key)
        finally:
            stopping.set()
            finisher.join()
            database.dispose()


def fuzz(target: Target, folder: Path, *options: str) -> Campaign:
    """Run all checks of Schemathesis, and ours, in all its phases."""
    document = folder / "openapi.json"
    document.write_text(json.dumps(_as_schemathesis_reads_it(target)))
    command = [
        sys.executable,
        "-m",
        "schemathesis.cli",
        "--config-file",
        str(_HERE / "schemathesis.toml"),
    ]
    fixed = ["run", str(document), "--url", target.url, "--checks", "all", "--no-color"]
    others = ["--suppress-health-check", "all", "--header", f"Authorization: Bearer {target.key}"]
    environment = {
        "SCHEMATHESIS_HOOKS": "tests.contract.hooks",
        "PYTHONPATH": str(_HERE.parents[1]),
    }
    done = subprocess.run(
        [*command, *fixed, *others, *options],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    found = _COUNT.search(done.stdout)
    report = done.stdout + done.stderr
    return Campaign(done.returncode, int(found[1]) if found else 0, report)


def _as_schemathesis_reads_it(target: Target) -> dict[str, Any]:
    """Return the API's document with streams as OpenAPI 3.2 describes them: whole events."""
    document: dict[str, Any] = httpx.get(f"{target.url}/openapi.json", trust_env=False).json()
    for operation in operations_of(document):
        for name, media in media_types_of(operation.body):
            if name == "text/event-stream":
                texts = {field: {"type": "string"} for field in ("event", "id", "data")}
                data = media["schema"]["$ref"]
                media["schema"] = {"type": "object", "properties": texts, "x-data": data}
    return document


def _finish_jobs(database: Database, store: Store, stopping: threading.Event) -> None:
    """Be the worker."""
    while not stopping.wait(0.3):
        with database.reading() as session:
            queued = select(Job.document_id).where(Job.state == JobState.QUEUED)
            waiting = session.scalars(queued).all()
        for document_id in waiting:
            # it may have been cancelled or deleted meanwhile
            with suppress(AssertionError, LeaseLostError, NoResultFound):
                make_ready(database, store, document_id)
