"""Runs a module by another clock: `python -m tests.faults.shifted MODULE ARGUMENT...`.

The file that FAULTS_CLOCK names holds how many seconds it is ahead, and may change at any moment;
a trainer that is started goes by it, too. What measures durations is not touched: no clock that an
administrator sets is asked for those.
"""

import os
import runpy
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

from app import clock


def main() -> None:
    """Set the clock, before anything else has asked for it, and run the module."""
    ahead = Path(os.environ["FAULTS_CLOCK"])
    seconds = lambda: float(ahead.read_text())  # noqa: E731
    clock.utc_now = lambda: datetime.now(UTC) + timedelta(seconds=seconds())
    shifted = lambda: time.time_ns() + int(seconds() * 1e9)  # noqa: E731
    clock.time = SimpleNamespace(time_ns=shifted)  # type: ignore[assignment]
    sys.argv = sys.argv[1:]
    if sys.argv[0] == "tests.faults.worker":
        from workers import tasks

        tasks.TRAINER[-1:] = ["tests.faults.shifted", tasks.TRAINER[-1]]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
