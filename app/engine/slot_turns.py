"""Which slots of a bank are free, and which memory gives up its own for another."""

from collections.abc import Mapping

from app.engine.bank_counts import BankCounts
from app.engine.holding import Holding
from app.engine.kept import Tier
from app.engine.pins import Pins


class SlotTurns:
    """The slots of a bank, whose lock guards them. A slot that running rows read is never given."""

    def __init__(
        self, num_slots: int, holdings: Mapping[str, Holding], pins: Pins, counts: BankCounts
    ) -> None:
        """Share out `num_slots` slots; the first of `holdings` was used least lately."""
        self._free = set(range(num_slots))
        self._holdings, self._pins, self._counts = holdings, pins, counts

    def give(self, held: Holding) -> bool:
        """Give a memory a slot, for a thread to copy it there; say whether one could be had."""
        slot = self._find(held.fitting)
        if slot is None:
            return False
        self._free.remove(slot)
        held.slot, held.tier = slot, Tier.COMING
        return True

    def take_back(self, held: Holding) -> None:
        """Let others have the slot of a memory; without one, nothing happens."""
        if held.slot is not None:
            self._free.add(held.slot)
            held.slot, held.tier = None, Tier.HOST

    def _find(self, fitting: range) -> int | None:
        """Return the first free slot of these: one product reads slots that lie together.

        Where none is, that of the idle memory that was used least lately, of a pinned one in need.
        """
        if not self._free.intersection(fitting):
            idle = [
                key for key, held in self._holdings.items() if held.slot in fitting and held.is_idle
            ]
            if idle:
                self._counts.num_displaced += 1
                self.take_back(self._holdings[min(idle, key=self._pins.holds)])
        return min(self._free.intersection(fitting), default=None)
