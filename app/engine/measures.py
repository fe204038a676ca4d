"""What an engine counts of its own work, as values: no torch, and nothing of who reads them.

Counts grow as long as the engine runs, and begin anew with the next one.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass

from app.engine.kept import Tier

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
TOKENS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)


@dataclass(frozen=True, slots=True)
class Distribution:
    """How many values fell into which range."""

    bounds: tuple[float, ...]
    """The ranges' upper ends, each within its range."""
    counts: tuple[int, ...]
    """One more than there are bounds: the last is of what lies above all."""
    total: float
    """Of all values together."""


class Tally:
    """Counts values into ranges. For one thread, or under a lock; `told` is for any."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds, self._counts, self._total = bounds, [0] * (len(bounds) + 1), 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._total += value

    def told(self) -> Distribution:
        """Return what was counted so far."""
        return Distribution(self._bounds, tuple(self._counts), self._total)


@dataclass(frozen=True, slots=True)
class BatchMeasures:
    """Questions, and the passes that they share."""

    num_running: int
    num_waiting: int
    step_seconds: Distribution
    step_tokens: Distribution


@dataclass(frozen=True, slots=True)
class PrefixMeasures:
    """Documents' beginnings, in tokens, as questions wanted them and as they were kept."""

    num_queried: int
    num_hit: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Kept:
    """Memories in one place."""

    num: int
    size_bytes: int
    """Main memory that they take."""


@dataclass(frozen=True, slots=True)
class BankMeasures:
    """Documents' memories."""

    kept: Mapping[Tier, Kept]
    num_pinned: int
    num_slots: int
    most_bytes: int
    """Main memory that they may take together."""
    num_evicted: int
    """Dropped to make room for others."""
    num_displaced: int
    """Taken out of their slots for others, and kept in main memory."""
    num_failed: int
    num_copied: int
    """Copied into slots."""
    load_seconds: Distribution
    """Of reading files, to where the memory lies in main memory."""


@dataclass(frozen=True, slots=True)
class DeviceMemory:
    """Memory of the accelerator that the engine runs on."""

    size_bytes: int
    free_bytes: int
    """As the driver says, whoever has the rest."""
    allocated_bytes: int
    """Held by this engine's tensors."""
    reserved_bytes: int
    """Those, and what its allocator keeps for the next ones."""


@dataclass(frozen=True, slots=True)
class EngineMeasures:
    """All that an engine tells of itself at one moment."""

    started_at: float
    """Seconds since 1970, in UTC."""
    batch: BatchMeasures
    prefixes: PrefixMeasures
    bank: BankMeasures
    device: DeviceMemory | None
    """None on a CPU."""
