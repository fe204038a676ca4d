"""Jobs, documents, and the environment in which child processes find their database and model."""

import os
from pathlib import Path

import pytest

from app.db import Database
from app.documents import Overview
from app.settings import Settings
from app.storage import open_store
from app.storage.folder import FolderStore
from tests.rows import add_job
from tests.workers.fake_trainer import trainers
from workers.supervisor import supervise


@pytest.fixture
def job_id(sqlite: Database) -> str:
    """A queued job of a document without files."""
    return add_job(sqlite)


@pytest.fixture
def worker_settings(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Settings of the test's folder, for this process and its children, that lose no time."""
    monkeypatch.setenv("LIFT_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))  # for children, what pytest's is for us
    return settings.model_copy(update={"heartbeat_seconds": 0.1})


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny model."""
    from tests.tiny import save_tiny_model  # here: few tests need it

    folder = tmp_path_factory.mktemp("tiny")
    save_tiny_model(folder)
    return folder


@pytest.fixture
def trainer_settings(
    worker_settings: Settings, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Settings that name the tiny model, for this process and its children."""
    given = {"model": str(tiny_model), "device": "cpu", "dtype": "float32"}
    for name, value in given.items():
        monkeypatch.setenv(f"LIFT_{name.upper()}", value)
    return worker_settings.model_copy(update=given)


@pytest.fixture
def uploaded(sqlite: Database, store: FolderStore) -> Overview:
    """A document that was just uploaded."""
    from tests.workers.attempts import OPTIONS, add  # here: few tests need it

    return add(sqlite, store, OPTIONS)


def run(database: Database, settings: Settings, job_id: str, behaviour: str) -> None:
    """Supervise a fake trainer that behaves like this."""
    source = trainers(behaviour)
    try:
        supervise(database, open_store(settings), settings, job_id, source)
    finally:
        source.stop()


def is_running(pid: int) -> bool:
    """Return whether a process exists and is no zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
