import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from app.embedded.child import Child
from tests.waiting import wait_until

SLEEP = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]


def is_gone(pid: int) -> bool:
    """Return whether a process has ended; an unreaped one has."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_child_leads_a_session_of_its_own() -> None:
    """A child shares neither session nor group with us: the terminal's Ctrl-C misses it."""
    child = Child(SLEEP)
    try:
        assert os.getsid(child.pid) == os.getpgid(child.pid) == child.pid
        assert child.exit_status() is None
    finally:
        child.stop(0)


def test_child_inherits_the_descriptors_that_are_named() -> None:
    """Those and no others, under their numbers."""
    reading, writing = os.pipe()
    _, hidden = os.pipe()
    program = (
        f"import os; os.write({writing}, b'x')\n"
        f"try: os.write({hidden}, b'x')\n"
        f"except OSError: os.write({writing}, b'y')"
    )
    child = Child([sys.executable, "-S", "-c", program], descriptors=[writing])
    wait_until(lambda: child.exit_status() is not None)

    assert os.read(reading, 9) == b"xy"


def test_stop_asks_before_it_kills(tmp_path: Path) -> None:
    """A child that ends on SIGTERM is given the time to."""
    script = "trap 'sleep 0.2; echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done"
    with (tmp_path / "log").open("w+b") as log:
        child = Child(["sh", "-c", script], log=log)
        wait_until(lambda: (tmp_path / "log").read_bytes() == b"up\n")
        child.stop(5)

    assert child.exit_status() == 3
    assert (tmp_path / "log").read_bytes() == b"up\nbye\n"


def test_stop_kills_what_does_not_listen_and_its_offspring(tmp_path: Path) -> None:
    """After the grace time the whole group is killed."""
    script = f"trap '' TERM; {sys.executable} -S -c 'import time; time.sleep(60)' & echo $!; wait"
    with (tmp_path / "log").open("w+b") as log:
        child = Child(["sh", "-c", script], log=log)
        wait_until(lambda: (tmp_path / "log").read_bytes().endswith(b"\n"))
        child.stop(0.1)

    assert child.exit_status() == -signal.SIGKILL
    wait_until(lambda: is_gone(int((tmp_path / "log").read_text())))


def test_child_of_parent_that_ignores_sigterm_listens_to_it() -> None:
    """Celery's pool ignores SIGTERM, and a trainer that inherited that had to be killed."""
    previous = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        child = Child(["sleep", "60"])
        wait_until(lambda: psutil.Process(child.pid).name() == "sleep")
        child.stop(5)
    finally:
        signal.signal(signal.SIGTERM, previous)

    assert child.exit_status() == -signal.SIGTERM


def test_stop_of_dead_child_is_harmless() -> None:
    """A child that ended by itself can be stopped."""
    child = Child([sys.executable, "-S", "-c", "raise SystemExit(7)"])
    wait_until(lambda: child.exit_status() is not None)

    child.stop(1)

    assert child.exit_status() == 7


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's promise is Linux's")
def test_child_dies_with_killed_parent() -> None:
    """Kill -9 of the parent kills the child."""
    program = (
        "import sys, time; from app.embedded.child import Child; "
        f"print(Child({SLEEP!r}).pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        assert not is_gone(pid)
        parent.kill()

    wait_until(lambda: is_gone(pid))
