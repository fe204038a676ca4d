"""An API that dies between commit and dispatch while the file that FAULTS_DIE names is there."""

import os
import signal
from contextlib import suppress
from pathlib import Path

from app.dispatch import Dispatcher
from tests.faults.api import main

_send = Dispatcher.send


def send(self: Dispatcher, job_id: str, device_kind: str | None) -> bool:
    """Die the first time."""
    try:
        Path(os.environ["FAULTS_DIE"]).unlink()
    except FileNotFoundError:
        return _send(self, job_id, device_kind)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


if __name__ == "__main__":
    Dispatcher.send = send  # type: ignore[method-assign]
    with suppress(KeyboardInterrupt):
        main()
