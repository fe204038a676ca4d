"""Real `lift serve` processes on a tiny model: what they leave behind, and what they keep."""

import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from app.client import Client
from tests.tiny import save_tiny_model
from tests.waiting import wait_until

_ROOT = Path(__file__).parents[2]
_MARK = "SERVE_TEST_MARK"
_START_SECONDS = 60.0
_OPTIONS = {
    "segment_tokens": 32,
    "stride_tokens": 16,
    "recitation_context_tokens": 32,
    "window_tokens": 256,
    "context_tokens": 128,
    "num_qa_pairs": 0,
    "examples_per_step": 4,
}
_TEXT = "The lamp of Osmerrow is lit at dusk by the keeper's youngest child. " * 8


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


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "tiny"
    save_tiny_model(folder, family="llama")
    return folder


@contextmanager
def serving(data_dir: Path, model: Path, *options: str) -> Iterator[Served]:
    """Run `lift serve` on a folder; whatever of it is left at the end is killed."""
    mark = uuid4().hex
    environment = os.environ | {
        "LIFT_MODEL": str(model),
        "LIFT_DEVICE": "cpu",
        "LIFT_DTYPE": "float32",
        "PYTHONPATH": str(_ROOT),
        "OMP_NUM_THREADS": "1",  # more threads only get into each other's way on a tiny model
        _MARK: mark,
    }
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


def upload(client: Client, **options: int) -> str:
    return client.upload(io.BytesIO(_TEXT.encode()), "book.txt", options=_OPTIONS | options)


def assert_nothing_is_left(served: Served, data_dir: Path) -> None:
    assert served.process.wait(30) == 0, served.log
    assert served.survivors() == []
    assert not [path for path in data_dir.rglob("*") if path.is_socket()]
    assert served.log.endswith("lift: stopped\n")


def test_ctrl_c_while_training_keeps_the_job_and_nothing_else(tmp_path: Path, model: Path) -> None:
    """Ctrl-C ends all processes at once; the next server on the folder ends the job."""
    data_dir = tmp_path / "data"
    with serving(data_dir, model) as served, Client(served.url()) as client:
        document_id = upload(client, recitation_epochs=40)
        wait_until(lambda: client.get(document_id).stage == "train", 60)
        served.process.send_signal(signal.SIGINT)
        assert_nothing_is_left(served, data_dir)

    with serving(data_dir, model) as served, Client(served.url()) as client:
        first, *_, last = client.follow(document_id, every_seconds=0.2)
        answer = client.ask(document_id, "Who lights the lamp?", max_tokens=4)

    assert first.status in ("queued", "running")
    assert last.status == "ready"
    assert answer.memory_share


def test_kill_9_while_training_leaves_no_process(tmp_path: Path, model: Path) -> None:
    """Valkey, worker and trainer die with the server, even if it cannot say goodbye."""
    with serving(tmp_path / "data", model) as served, Client(served.url()) as client:
        document_id = upload(client, recitation_epochs=1000)
        wait_until(lambda: client.get(document_id).stage == "train", 60)
        assert len(served.survivors()) >= 5
        served.process.kill()

        wait_until(lambda: served.survivors() == [], 10)


def test_server_refuses_a_second_and_stops_on_sigterm(tmp_path: Path, model: Path) -> None:
    """A folder and a port in use are told in one line each; the first server does not mind."""
    data_dir = tmp_path / "data"
    with serving(data_dir, model) as first:
        port = first.url().rpartition(":")[2]
        with serving(data_dir, model) as same_folder:
            assert same_folder.process.wait(30) == 1
        with serving(tmp_path / "other", model, "--port", port) as same_port:
            assert same_port.process.wait(30) == 1
        first.process.send_signal(signal.SIGTERM)
        assert_nothing_is_left(first, data_dir)

    assert _last_line(same_folder) == (
        f"lift: another lift serve is using {data_dir}; stop it, or name another folder "
        "with --data-dir"
    )
    assert _last_line(same_port) == (
        f"lift: port {port} on 127.0.0.1 is in use; name another with --port, "
        "or 0 for any that is free"
    )


def _last_line(served: Served) -> str:
    assert "Traceback" not in served.log
    return served.log.splitlines()[-1]
