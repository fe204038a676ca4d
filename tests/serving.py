"""Real `lift serve` processes for the tests, and a model for them that trains in seconds."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psutil

from tests.tiny import save_tiny_model
from tests.waiting import wait_until

_ROOT = Path(__file__).parents[1]
_MARK = "SERVE_TEST_MARK"
_START_SECONDS = 240.0

TINY_OPTIONS = {
    "segment_tokens": 32,
    "stride_tokens": 16,
    "recitation_context_tokens": 32,
    "window_tokens": 256,
    "context_tokens": 128,
    "num_qa_pairs": 0,
    "num_held_back_pairs": 0,
    "examples_per_step": 4,
}
"""Options of the preset `quick` that fit bytes as tokens."""


@dataclass(frozen=True, slots=True)
class Served:
    """One `lift serve`, and all processes that come of it."""

    process: subprocess.Popen[bytes]
    log_file: Path
    mark: str
    """Value of an environment variable that all of its processes carry."""

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def url(self) -> str:
        wait_until(lambda: "LIFT Server on" in self.log, _START_SECONDS)
        found = re.search(r"LIFT Server on (\S+)", self.log)
        assert found
        return found[1]

    def survivors(self) -> list[str]:
        """Return the command lines of those that still run."""
        return [" ".join(each.cmdline()) for each in psutil.process_iter() if self._is_ours(each)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            alive = process.status() != psutil.STATUS_ZOMBIE
            return alive and process.environ().get(_MARK) == self.mark
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False


@contextmanager
def serving(data_dir: Path, *options: str, **settings: str) -> Iterator[Served]:
    """Run `lift serve` on a folder with settings from the environment; what is left is killed."""
    mark = uuid4().hex
    environment = os.environ | settings | {"PYTHONPATH": str(_ROOT), _MARK: mark}
    command = [sys.executable, "-m", "app.cli.main", "serve", "--data-dir", str(data_dir)]
    log_file = data_dir.parent / f"{mark}.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [*command, *(options or ("--port", "0"))],
            env=environment,
            stdout=log,
            stderr=log,
            cwd=data_dir.parent,
        )
    try:
        yield Served(process, log_file, mark)
    finally:
        process.kill()
        process.wait()


def tiny_settings(folder: Path) -> dict[str, str]:
    """Make a tiny model in `folder`; return the settings that serve it."""
    save_tiny_model(folder, family="llama")
    return {
        "LIFT_MODEL": str(folder),
        "LIFT_DEVICE": "cpu",
        "LIFT_DTYPE": "float32",
        "OMP_NUM_THREADS": "1",  # more threads only get into each other's way on a tiny model
    }
