"""A real `lift serve` for the length of the demo: a free port, a folder that is thrown away."""

import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from app.embedded.child import Child
from app.settings import Settings

_START_SECONDS = 600.0
_STOP_SECONDS = 60.0
_URL = re.compile(r"^LIFT Server on (\S+)$", re.MULTILINE)
_ELSEWHERE = {
    *("LIFT_DATABASE_URL", "LIFT_BROKER_URL", "LIFT_STORE_URL"),
    *("LIFT_HOST", "LIFT_AUTH"),
}
"""Settings of a real server: whose data the demo must not touch, and whom it lets in."""


class ServerError(Exception):
    """The demo's server did not start."""


class Server(NamedTuple):
    """A server that answers."""

    url: str
    child: Child


@contextmanager
def running_server(folder: Path, settings: Settings) -> Iterator[Server]:
    """Run `lift serve` on `folder`, its output in `serve.log` there.

    The converted base model is kept where the user's own server keeps it, for the next time.

    Raises:
        ServerError: it ended, or did not come up in time.
    """
    log = folder / "serve.log"
    with log.open("wb") as output:
        child = Child(_command(folder), _environment(settings), output)
    try:
        yield Server(_wait_for_url(child, log), child)
    finally:
        child.stop(_STOP_SECONDS)


def log_tail(folder: Path, num_lines: int = 40) -> str:
    """Return the last lines that the server wrote."""
    log = folder / "serve.log"
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n".join(lines[-num_lines:])


def _command(folder: Path) -> list[str]:
    serve = ["serve", "--port", "0", "--data-dir", str(folder)]
    return [sys.executable, "-m", "app.cli.main", *serve]


def _environment(settings: Settings) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    return kept | {"LIFT_MODEL_CACHE_DIR": str(settings.model_cache_dir.resolve())}


def _wait_for_url(child: Child, log: Path) -> str:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and child.exit_status() is None:
        if found := _URL.search(log.read_text(errors="replace")):
            return found[1]
        time.sleep(0.2)
    raise ServerError("the server did not start")
