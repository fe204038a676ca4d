"""An API that dies while the file that FAULTS_DIE names is there: between commit and dispatch, or,
if FAULTS_DIE_AT is `answer`, when an upload's answer is noted and not yet committed.
"""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from app import idempotency
from app.dispatch import Dispatcher
from tests.faults.api import main


def die() -> None:
    """End this process the first time."""
    try:
        Path(os.environ["FAULTS_DIE"]).unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def dying_before(call: Callable[..., Any]) -> Callable[..., Any]:
    """Die instead of calling something."""

    def call_alive(*arguments: Any) -> Any:
        die()
        return call(*arguments)

    return call_alive


def dying_behind(call: Callable[..., Any]) -> Callable[..., Any]:
    """Die when something was done."""

    def call_and_die(*arguments: Any) -> Any:
        result = call(*arguments)
        die()
        return result

    return call_and_die


if __name__ == "__main__":
    if os.environ.get("FAULTS_DIE_AT") == "answer":
        idempotency._remember = dying_behind(idempotency._remember)
    else:
        Dispatcher.send = dying_before(Dispatcher.send)  # type: ignore[method-assign]
    with suppress(KeyboardInterrupt):
        main()
