"""One trainer process: started, given leases, watched, stopped. Knows no database."""

import json
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO

import psutil

from app.embedded.tether import tethered
from app.leases import Lease
from app.logs import is_logged

_REASON_CHARACTERS = 500
_REPORT_SECONDS = 5.0
_STDERR = 2


class TrainerProcess:
    """A command in a session of its own that dies with the thread that started it.

    It gets leases on its standard input, and the descriptor to report their ends on as its last
    argument. What it prints goes to our stderr.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._reports, told = os.pipe()
        self._process = subprocess.Popen(
            tethered(*command, str(told)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            pass_fds=(told,),
            start_new_session=True,  # Ctrl-C in a terminal must reach it through us only
        )
        os.close(told)
        self._last_line = b""
        self._reader = threading.Thread(target=self._pass_on_output, daemon=True)
        self._reader.start()
        self.is_free = True
        """Whether it has said that it can take another lease."""

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def begin(self, lease: Lease, names: Mapping[str, str] | None = None) -> None:
        """Hand it a lease to work on, and `names` for its logs."""
        self.is_free = False
        told = {"lease": {"job_id": lease.job_id, "token": lease.token}, "names": names or {}}
        line = json.dumps(told)
        with suppress(BrokenPipeError):  # it has died already, which its end will tell
            _stream(self._process.stdin).write(line.encode() + b"\n")
            _stream(self._process.stdin).flush()

    def has_ended_attempt(self, seconds: float) -> bool:
        """Wait so long at most; True once it has reported the attempt's end, or has ended."""
        if not select.select([self._reports], [], [], seconds)[0]:
            return False
        self.is_free = os.read(self._reports, 1) != b""
        if not self.is_free:  # its end of the pipe is closed: it is about to be gone
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_REPORT_SECONDS)
        return True

    def resident_bytes(self) -> int:
        """Return the memory that it and all that it started hold."""
        try:
            own = psutil.Process(self.pid)
            return sum(each.memory_info().rss for each in (own, *own.children(recursive=True)))
        except psutil.NoSuchProcess:
            return 0

    def describe_end(self) -> str:
        """Say how the process ended, with the last line it printed."""
        self._reader.join(1.0)
        status, reason = self._process.returncode, self._last_line.decode(errors="replace").strip()
        if status is None:
            return "The trainer hung at its end."
        if status == 0:
            return "The trainer ended without a result."
        if status < 0:
            how = f"was killed by {signal.Signals(-status).name}"
        else:
            how = f"ended with exit code {status}"
        reason = reason[:_REASON_CHARACTERS]
        return f"The trainer {how}: {reason}" if reason else f"The trainer {how}."

    def stop(self, grace_seconds: float) -> None:
        """End the process and all that it started: SIGTERM, and SIGKILL after a while."""
        if grace_seconds:
            self._signal(signal.SIGTERM)
            self._wait(grace_seconds)
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._reader.join(1.0)
        with suppress(BrokenPipeError):
            _stream(self._process.stdin).close()
        with suppress(OSError):
            os.close(self._reports)

    def _wait(self, seconds: float) -> None:
        # Not `Popen.wait`: what interrupts that, once, must not end a second wait.
        until = time.monotonic() + seconds
        while self.is_running and time.monotonic() < until:
            time.sleep(0.05)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def _pass_on_output(self) -> None:
        with _stream(self._process.stdout) as output:
            for line in output:
                if line.strip() and not is_logged(line):
                    self._last_line = line
                with suppress(OSError):  # a closed stderr must not fill the trainer's pipe
                    os.write(_STDERR, line)


def _stream(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream
