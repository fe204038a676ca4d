"""A large document streams through the server: to the disk, to its hashes, to the store."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from app.db import migrate
from tests.conftest import DEAD_BROKER
from tests.serving import tiny_settings
from tests.waiting import wait_until

MIB = 1024 * 1024
UPLOAD_BYTES = 100 * 1000 * 1000
_LINE = b"The keeper wrote the day, the wind and the ships into her book each evening.\n"


@pytest.fixture
def document(tmp_path: Path) -> Path:
    """A text of 100 MB."""
    path = tmp_path / "large.txt"
    block = _LINE * (MIB // len(_LINE))
    with path.open("wb") as file:
        while file.tell() < UPLOAD_BYTES:
            file.write(block[: UPLOAD_BYTES - file.tell()])
    return path


@contextmanager
def serving_api(folder: Path) -> Iterator[tuple[psutil.Process, str]]:
    """Run `lift api`, which trains nothing, in a process; gives the process and its address."""
    url, log = f"sqlite:///{folder / 'lift.db'}", folder / "log"
    migrate(url)
    settings = tiny_settings(folder / "tiny") | {
        "LIFT_DATA_DIR": str(folder),
        "LIFT_DATABASE_URL": url,
        "LIFT_BROKER_URL": DEAD_BROKER,
        "LIFT_MAX_DOCUMENT_BYTES": str(UPLOAD_BYTES),
    }
    command = [sys.executable, "-m", "app.cli.main", "api", "--port", "0"]
    with (
        log.open("wb") as output,
        subprocess.Popen(command, env=os.environ | settings, stdout=output, stderr=output) as api,
    ):
        try:
            wait_until(lambda: "LIFT Server on" in log.read_text(), 120)
            found = re.search(r"LIFT Server on (\S+)", log.read_text())
            assert found
            yield psutil.Process(api.pid), found[1]
        finally:
            api.terminate()


@contextmanager
def highest_memory(process: psutil.Process) -> Iterator[list[int]]:
    """Look at a process's resident memory all the time; the list's only item is the most."""
    highest, is_over = [process.memory_info().rss], threading.Event()

    def look() -> None:
        while not is_over.wait(0.01):
            highest[0] = max(highest[0], process.memory_info().rss)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield highest
    finally:
        is_over.set()
        thread.join()


def test_upload_of_100_mb_takes_no_memory(tmp_path: Path, document: Path) -> None:
    """Whatever a document weighs, the server holds some pieces of it at a time."""
    with (
        serving_api(tmp_path) as (process, url),
        httpx.Client(base_url=url, timeout=300, trust_env=False) as http,
    ):
        small = {"file": ("small.txt", _LINE * 100_000)}
        assert http.post("/documents", files=small).status_code == 202
        before = process.memory_info().rss
        with document.open("rb") as file, highest_memory(process) as highest:
            sent, headers = {"file": ("large.txt", file)}, {"Idempotency-Key": "large"}
            response = http.post("/documents", files=sent, headers=headers)
        grown = highest[0] - before

    assert response.status_code == 202, response.text
    assert response.json()["size_bytes"] == UPLOAD_BYTES
    assert grown < 32 * MIB, f"{grown / MIB:.0f} MiB more than before"
