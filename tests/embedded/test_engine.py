"""The engine's process as a process: when it ends."""

import os
import signal
import socket
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from app.engine.apart.messages import Alive, Load, Loaded
from tests.embedded.test_child import is_gone
from tests.tiny import save_tiny_model
from tests.waiting import wait_until

_PROGRAM = """
import sys, time
from pathlib import Path
from app.embedded.engine import start_engine
from app.engine.apart.answering import ApartAnswerer
from app.engine.apart.messages import Load
model = {"source": sys.argv[1], "cache_dir": Path("."), "device": "cpu", "dtype": "float32"}
engine = ApartAnswerer(start_engine, Load(model, {}))
assert "torch" not in sys.modules
print(engine.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny model."""
    folder = tmp_path_factory.mktemp("model") / "tiny"
    save_tiny_model(folder)
    return folder


@pytest.mark.faults
@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's promise is Linux's")
@pytest.mark.parametrize("stopped", [False, True])
def test_engine_dies_with_a_killed_server_which_loads_no_torch(folder: Path, stopped: bool) -> None:
    """Kill -9 of the server is the end of its engine, even if that hears nothing any more."""
    command = [sys.executable, "-c", _PROGRAM, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        assert server.stdout
        pid = int(server.stdout.readline())
        assert not is_gone(pid)
        if stopped:
            os.kill(pid, signal.SIGSTOP)
        server.kill()

    wait_until(lambda: is_gone(pid))


def test_engine_ends_when_its_connection_does(folder: Path) -> None:
    """Where no kernel promises anything, the end of the pipe is the end of the process."""
    ours, theirs = socket.socketpair()
    with theirs:
        command = [sys.executable, "-m", "app.embedded.engine", str(theirs.fileno())]
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()])
    model = {"source": str(folder), "cache_dir": folder, "device": "cpu", "dtype": "float32"}
    with Connection(ours.detach()) as connection:
        connection.send(Load(model, {}))
        while not isinstance(told := connection.recv(), Loaded):
            assert told == Alive(), "it lives while it loads"
        assert connection.recv() == Alive()

    assert process.wait(20) == 0


def test_asking_side_loads_no_torch() -> None:
    """Whoever keeps an engine in another process stays light."""
    code = (
        "import app.embedded.engine, app.engine.apart.answering, sys;"
        "sys.exit('torch' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
