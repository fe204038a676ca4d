"""One child process: in its own session, so that Ctrl-C reaches it only through us."""

import os
import signal
import subprocess
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import BinaryIO

from app.embedded.tether import tethered


class Child:
    """A running command that dies with us. Start it from the main thread, which lives longest."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        log: BinaryIO | None = None,
        descriptors: Collection[int] = (),
    ) -> None:
        """Start `command`; what it prints goes to `log`, or where ours goes.

        It inherits `descriptors` under their numbers.
        """
        self._process = subprocess.Popen(
            tethered(*command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            pass_fds=descriptors,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The process's id, which is its session's and its group's, too."""
        return self._process.pid

    def exit_status(self) -> int | None:
        """Return how it ended, a killing signal as its negative number; None while it runs."""
        return self._process.poll()

    def stop(self, grace_seconds: float) -> None:
        """Ask it to end with SIGTERM; after the grace time, kill it and all that it started."""
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(grace_seconds)
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
