"""A whole installation in a folder: Valkey, database, API, workers; all real, each one killable."""

import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil

from app.db import Database, migrate
from app.settings import Settings
from app.storage import Store, open_store
from tests.faults.services import Command, Keeper, PostgresService, Service, ValkeyService, family

_ROOT = Path(__file__).parents[2]
_MARK = "FAULTS_TEST_MARK"
_ANSWER_SECONDS = 4.0
_LOOK_SECONDS = 0.004
_START_SECONDS = 120.0
API = [sys.executable, "-m", "tests.faults.api"]
"""An API without a model."""
WORKER = [sys.executable, "-m", "app.cli.main", "worker"]

IMPATIENT = {
    "LIFT_LEASE_SECONDS": "4",
    "LIFT_HEARTBEAT_SECONDS": "0.5",
    "LIFT_SWEEP_SECONDS": "0.5",
    "LIFT_GRACE_SECONDS": "2",
    "LIFT_CHECKPOINT_SECONDS": "0.2",
    "LIFT_MAX_ATTEMPTS": "1000",
    "LIFT_DEVICE": "cpu",
    "LIFT_DTYPE": "float32",
    "OMP_NUM_THREADS": "1",
}
"""Settings under which everything that is lost is missed soon."""


class Installation:
    """What runs, and how to reach it."""

    def __init__(self, folder: Path, model: Path, settings: Mapping[str, str]) -> None:
        self.folder, self.keeper, self.mark = folder, Keeper(), uuid4().hex
        self.port = free_port()
        self.environment = {
            **os.environ,
            **IMPATIENT,
            "PYTHONPATH": str(_ROOT),
            "LIFT_DATA_DIR": str(folder / "data"),
            "LIFT_MODEL": str(model),
            "LIFT_PORT": str(self.port),
            _MARK: self.mark,
            **settings,
        }
        (folder / "data").mkdir()
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}", timeout=_ANSWER_SECONDS, trust_env=False
        )

    def add_valkey(self) -> None:
        """Run a broker for all."""
        valkey = ValkeyService(self.folder / "valkey")
        self.keeper.add("valkey", valkey)
        self.environment["LIFT_BROKER_URL"] = valkey.url

    def add_postgres(self, address: str | None = None) -> None:
        """Run a PostgreSQL for all; at an address of this machine, where others can reach it."""
        postgres = PostgresService(self.folder / "pg", address)
        self.keeper.add("postgres", postgres)
        self.environment["LIFT_DATABASE_URL"] = postgres.url

    def open(self) -> None:
        """Make the schema and open database and store for the one who looks on."""
        wanted = {name: self.environment.get(f"LIFT_{name.upper()}") for name in _SHARED}
        self.settings = Settings(**{name: value for name, value in wanted.items() if value})
        url = self.settings.resolved_database_url
        self.wait(lambda: _survives(lambda: migrate(url)))
        self.database = Database(url)
        self.store: Store = open_store(self.settings)

    def add(self, name: str, command: Sequence[str], **settings: str) -> None:
        """Run a command with the settings of all, and some of its own."""
        environment = self.environment | settings
        log = self.folder / f"{name}.log"
        self.keeper.add(name, Command(command, environment, log))

    def wait_for_api(self) -> None:
        """Return once it answers."""
        self.wait(lambda: _survives(lambda: self.http.get("/healthz")))

    def wait(self, condition: Callable[[], object], seconds: float = _START_SECONDS) -> None:
        """Return once `condition` is true, and keep everything running meanwhile."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "not in time"
            self.pause()

    def pause(self, seconds: float = _LOOK_SECONDS) -> None:
        """Let some time pass, and keep everything running meanwhile."""
        until = time.monotonic() + seconds
        while True:
            self.keeper.tend()
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, 0.05))

    def upload(self, text: str, options: Mapping[str, Any]) -> str | None:
        """Upload a document; returns its id, or None if the API did not say that it took it."""
        body = {"text": text, "preset": "quick", "options": dict(options), "duplicate": True}
        try:
            response = self.http.post("/documents", json=body)
        except httpx.TransportError:
            return None
        if response.status_code >= 500:
            return None
        assert response.status_code == 202, response.text
        document_id = response.json()["id"]
        assert isinstance(document_id, str)
        return document_id

    def get(self, path: str) -> Any:
        """Read what the API says, once it answers."""
        found: list[Any] = []

        def ask() -> bool:
            try:
                response = self.http.get(path)
            except httpx.TransportError:
                return False
            if response.status_code >= 500:
                return False
            found.append(response.raise_for_status().json())
            return True

        self.wait(ask)
        return found[0]

    def service(self, name: str) -> Service:
        """Return what runs under a name."""
        return self.keeper.services[name]

    def log(self, name: str) -> str:
        """Return what a command has printed."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def workers(self) -> list[str]:
        """Return the names of the workers."""
        return [name for name in self.keeper.services if name.startswith("worker")]

    def worker_of(self, job_id: str) -> str | None:
        """Return the worker that last began an attempt at a job."""
        begun = {name: _last_begun(self.log(name), job_id) for name in self.workers()}
        name = max(begun, key=lambda each: begun[each])
        return name if begun[name] else None

    def trainers(self, worker: str) -> list[psutil.Process]:
        """Return the trainers of a worker that run now."""
        return [each for each in family(self.service(worker).pid) if _is_trainer(each)]

    def survivors(self) -> list[str]:
        """Return the command lines of all processes of this installation that still run."""
        return [" ".join(each.cmdline()) for each in psutil.process_iter() if self._is_ours(each)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            alive = process.status() != psutil.STATUS_ZOMBIE
            return alive and process.environ().get(_MARK) == self.mark
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False

    def stop(self) -> None:
        """End everything."""
        self.http.close()
        self.keeper.stop()
        if hasattr(self, "database"):
            self.database.dispose()


_SHARED = ("data_dir", "database_url", "broker_url", "store_url", "s3_endpoint_url", "model")


@contextmanager
def installed(
    folder: Path,
    model: Path,
    *,
    postgres: bool = False,
    num_workers: int = 1,
    api: Sequence[str] = API,
    **settings: str,
) -> Iterator[Installation]:
    """Run an installation; at the end nothing of it runs any more."""
    installation = Installation(folder, model, settings)
    try:
        installation.add_valkey()
        if postgres:
            installation.add_postgres()
        installation.open()
        installation.add("api", api)
        for number in range(1, num_workers + 1):
            installation.add(f"worker{number}", WORKER)
        installation.wait_for_api()
        yield installation
    finally:
        installation.stop()


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def _survives(call: Callable[[], object]) -> bool:
    try:
        call()
    except Exception:  # whatever it is: not yet
        return False
    return True


def _last_begun(log: str, job_id: str) -> str:
    for line in reversed(log.splitlines()):
        if '"attempt_started"' in line and job_id in line and line.startswith("{"):
            return str(json.loads(line)["timestamp"])
    return ""


def _is_trainer(process: psutil.Process) -> bool:
    try:
        return "workers.trainer" in process.cmdline()
    except psutil.NoSuchProcess:
        return False
