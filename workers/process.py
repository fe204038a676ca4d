"""One trainer process: started, waited for, stopped. Knows no database."""

import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, Self

from app.embedded.tether import tethered

_STOP_SECONDS = 5.0
_REASON_CHARACTERS = 500
_STDERR = 2


class TrainerProcess:
    """A command in a session of its own that gets the lease's token on its standard input.

    It dies with the thread that started it, and with this `with` block. What it prints goes to
    our stderr.
    """

    def __init__(self, command: Sequence[str], token: str) -> None:
        self._process = subprocess.Popen(
            tethered(*command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in a terminal must reach it through us only
        )
        self._last_line = b""
        self._reader = threading.Thread(target=self._pass_on_output, daemon=True)
        self._reader.start()
        with suppress(BrokenPipeError):  # it has died already, which its end will tell
            _stream(self._process.stdin).write(token.encode() + b"\n")
            _stream(self._process.stdin).flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def ended_within(self, seconds: float) -> bool:
        """Wait so long at most; True if the process has ended."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def describe_end(self) -> str:
        """Say how the process ended, with the last line it printed."""
        self._reader.join(1.0)
        status = self._process.returncode
        last_line = self._last_line.decode(errors="replace").strip()[:_REASON_CHARACTERS]
        if status == 0:
            return "The trainer ended without a result."
        if status < 0:
            how = f"was killed by {signal.Signals(-status).name}"
        else:
            how = f"ended with exit code {status}"
        return f"The trainer {how}: {last_line}" if last_line else f"The trainer {how}."

    def stop(self) -> None:
        """End the process and all that it started: SIGTERM, and SIGKILL after a while."""
        self._signal(signal.SIGTERM)
        self.ended_within(_STOP_SECONDS)
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._reader.join(1.0)
        with suppress(BrokenPipeError):
            _stream(self._process.stdin).close()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def _pass_on_output(self) -> None:
        with _stream(self._process.stdout) as output:
            for line in output:
                self._last_line = line if line.strip() else self._last_line
                with suppress(OSError):  # a closed stderr must not fill the trainer's pipe
                    os.write(_STDERR, line)


def _stream(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream
