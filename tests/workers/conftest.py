"""Jobs, and the environment in which child processes find their database."""

import os
from pathlib import Path

import pytest

from app.db import Database
from app.settings import Settings
from tests.rows import add_job


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


def is_running(pid: int) -> bool:
    """Return whether a process exists and is no zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
