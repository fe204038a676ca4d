"""The one Celery worker beside the API, started again whenever it dies."""

import asyncio
import sys
import time
from collections.abc import Callable, Mapping

from app.embedded.child import Child
from app.embedded.errors import ServeError

_LOOK_SECONDS = 0.5
_SETTLED_SECONDS = 30.0
_MOST_FAILED_STARTS = 3
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 60.0


def worker_command(log_level: str) -> list[str]:
    """Return the command line of a Celery worker.

    `workers` is named, never imported here. `celery -A` would prefer a `workers` folder where the
    user happens to stand; `-P` and `worker_main` do not look there.
    """
    arguments = ["--quiet", "worker", "--loglevel", log_level]
    start = f"from workers.celery import app; app.worker_main({arguments!r})"
    return [sys.executable, "-P", "-c", start]


class Worker:
    """A worker that is kept running. A job that it had is taken up again by the next one."""

    def __init__(
        self,
        command: list[str],
        environment: Mapping[str, str],
        say: Callable[[str], None],
        stop_seconds: float,
    ) -> None:
        self._command, self._environment, self._say = command, environment, say
        self._stop_seconds = stop_seconds
        self._start()

    @property
    def pid(self) -> int:
        """The running process's id."""
        return self._child.pid

    async def keep_running(self) -> None:
        """Start the worker again each time it dies; the pause doubles while it dies fast.

        Raises:
            ServeError: it has never got going: trying on would only hide why.
        """
        pause, has_settled, num_failed_starts = _FIRST_PAUSE_SECONDS, False, 0
        while True:
            status = await exit_status(self._child)
            self.stop()
            if time.monotonic() - self._started_at > _SETTLED_SECONDS:
                pause, has_settled = _FIRST_PAUSE_SECONDS, True
            elif not has_settled:
                num_failed_starts += 1
            if num_failed_starts == _MOST_FAILED_STARTS:
                raise ServeError(f"the worker does not start (status {status}); see above why")
            self._say(f"the worker ended with status {status}; starting it again")
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            self._start()

    def stop(self) -> None:
        """Ask it to end, and kill it with all that it started if it does not in time."""
        self._child.stop(self._stop_seconds)

    def _start(self) -> None:
        self._child = Child(self._command, self._environment)
        self._started_at = time.monotonic()


async def exit_status(child: Child) -> int:
    """Wait until a child ends."""
    while (status := child.exit_status()) is None:
        await asyncio.sleep(_LOOK_SECONDS)
    return status
