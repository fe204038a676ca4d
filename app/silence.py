"""Which running jobs nobody has renewed for as long as a lease lasts.

Measured by this process's own steady clock. The moments in the rows come from other machines, whose
clocks may be wrong, or may be set while a job runs: that must neither take a job from a worker that
is alive nor leave one with a worker that is gone.
"""

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

Row = TypeVar("Row")


class Silence:
    """Remembers since when each row has looked as it does."""

    def __init__(self, lease_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._lease_seconds, self._clock = lease_seconds, clock
        self._since: dict[object, float] = {}

    def find(self, rows: Iterable[Row]) -> list[Row]:
        """Return those of the rows of today that have not changed for the length of a lease."""
        now = self._clock()
        found = list(rows)
        self._since = {row: self._since.get(row, now) for row in found}
        return [row for row in found if now - self._since[row] >= self._lease_seconds]

    def forget(self) -> None:
        """Give everybody the time of a lease anew: nobody could renew his meanwhile."""
        self._since.clear()
