import asyncio
import os
import sys

import pytest

from app.embedded.errors import ServeError
from app.embedded.worker import Worker
from tests.waiting import wait_until


def test_dead_worker_is_started_again_and_told_of() -> None:
    """A worker that ends unasked is replaced, and one sentence says so."""
    said: list[str] = []
    command = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
    worker = Worker(command, os.environ, said.append, 15.0)
    first = worker.pid

    async def watch() -> None:
        keeping = asyncio.create_task(worker.keep_running())
        os.kill(first, 9)
        await asyncio.to_thread(wait_until, lambda: worker.pid != first)
        keeping.cancel()

    try:
        asyncio.run(watch())
    finally:
        worker.stop()

    assert said == ["the worker ended with status -9; starting it again"]


def test_worker_that_never_starts_is_given_up() -> None:
    """A worker that dies at once, time after time, ends the server instead of hiding the reason."""
    said: list[str] = []
    worker = Worker(
        [sys.executable, "-S", "-c", "raise SystemExit(3)"], os.environ, said.append, 15.0
    )

    with pytest.raises(ServeError, match=r"does not start \(status 3\)"):
        asyncio.run(worker.keep_running())

    assert len(said) == 2
