"""What a row needs before it may run: its memory, and its prefix, if that was read before.

A prefix that nobody has read yet is read by the first row that wants it; the others wait for it.
For the batch's thread alone.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from app.engine.bank import Bank
from app.engine.kept import Tier
from app.engine.keys_values import Prefix
from app.engine.measures import PrefixMeasures
from app.engine.prefixes import Prefixes
from app.engine.row import Row
from app.engine.scheduler import Readiness
from app.lift.kinds import DocumentMemory

Loader = Callable[[Row], DocumentMemory]
"""Reads a row's memory from its file."""


@dataclass
class Needs:
    """The memories and prefixes of one engine, and who has them."""

    bank: Bank
    prefixes: Prefixes
    load: Loader
    _readers: dict[str, Row] = field(default_factory=dict)
    """By prefix: the row that reads it for all who wait for it."""
    _failed: dict[Row, Exception] = field(default_factory=dict)
    _num_queried: int = 0
    """Tokens of the prefixes that rows wanted."""
    _num_hit: int = 0
    """Those of them that had been read."""

    def look_at(self, row: Row) -> Readiness:
        """Hold all that a row needs, if it is at hand; else have it come."""
        if row.is_ready:
            return Readiness.READY
        if row in self._failed:
            return Readiness.COMING
        memory = self._memory_of(row)
        if memory is not Readiness.READY:
            return memory
        prefix = self.prefixes.get(row.prefix_key)
        if prefix is None and not row.is_forgotten:
            reader = self._readers.setdefault(row.prefix_key, row)
            if reader is not row:  # somebody reads it for us already
                return Readiness.COMING
        return self._hold(row, prefix)

    def take_failed(self) -> list[tuple[Row, Exception]]:
        """Return the rows whose memory cannot be had, and why, once."""
        failed = list(self._failed.items())
        self._failed.clear()
        return failed

    def share_prefix(self, row: Row) -> None:
        """Keep the prefix that this row has read, as soon as it has, for all that wait for it."""
        num_tokens = len(row.shown.prompt.prefix)
        if self._readers.get(row.prefix_key) is row and row.num_read >= num_tokens:
            del self._readers[row.prefix_key]
            self.prefixes.put(row.prefix_key, row.snapshot(num_tokens), row.ask.document_id)

    def let_go(self, row: Row) -> None:
        """Take back what a row had that has ended."""
        self._stop_reading(row)
        if row.is_ready and row.memory_key:
            self.bank.release(row.memory_key)

    def forget(self, document_id: str, rows: Iterable[Row]) -> None:
        """Drop what was read of a document; what `rows` will read of it is kept for nobody."""
        self.prefixes.forget(document_id)
        for row in rows:
            if row.ask.document_id == document_id:
                row.is_forgotten = True
                self._stop_reading(row)

    def clear(self) -> None:
        """Drop all prefixes: memory is short."""
        self.prefixes.clear()

    def measures(self) -> PrefixMeasures:
        """Tell how much of the prefixes had been read before; from any thread."""
        return PrefixMeasures(self._num_queried, self._num_hit, self.prefixes.num_bytes)

    def _stop_reading(self, row: Row) -> None:
        if self._readers.get(row.prefix_key) is row:
            del self._readers[row.prefix_key]

    def _memory_of(self, row: Row) -> Readiness:
        if row.memory_key is None:
            return Readiness.READY
        load = partial(self.load, row)
        tier = self.bank.prepare(row.memory_key, row.ask.document_id, load, row.asked_at)
        if tier is Tier.FAILED and (error := self.bank.error(row.memory_key)):
            self._failed[row] = error
        if tier is Tier.HOST:  # all slots are read by those who run
            return Readiness.HELD_UP
        if tier is Tier.DEVICE and not self.bank.has_room_for(row.memory_key):
            return Readiness.HELD_UP
        return Readiness.READY if tier in (Tier.SLOT, Tier.DEVICE) else Readiness.COMING

    def _hold(self, row: Row, prefix: Prefix | None) -> Readiness:
        if row.memory_key:
            try:
                row.slot, row.own = self.bank.acquire(row.memory_key)
            except KeyError:  # it had to leave a moment ago
                return Readiness.COMING
        self._num_queried += len(row.shown.prompt.prefix)
        self._num_hit += prefix.num_tokens if prefix else 0
        row.become_ready(prefix)
        return Readiness.READY
