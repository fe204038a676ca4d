"""What a bank counts of the memories that came and went; its lock guards it."""

from collections.abc import Iterable

from app.engine.kept import KeptAdapter, Tier
from app.engine.measures import SECONDS, BankMeasures, Kept, Tally


class BankCounts:
    """Counts since the bank was made."""

    def __init__(self) -> None:
        self.num_evicted = self.num_displaced = self.num_failed = self.num_copied = 0
        self.load_seconds = Tally(SECONDS)

    def told(self, kept: Iterable[KeptAdapter], num_slots: int, most_bytes: int) -> BankMeasures:
        """Return the counts, beside what is kept now."""
        adapters = list(kept)
        return BankMeasures(
            kept={tier: _in_tier(adapters, tier) for tier in Tier},
            num_pinned=sum(each.is_pinned for each in adapters),
            num_slots=num_slots,
            most_bytes=most_bytes,
            num_evicted=self.num_evicted,
            num_displaced=self.num_displaced,
            num_failed=self.num_failed,
            num_copied=self.num_copied,
            load_seconds=self.load_seconds.told(),
        )


def _in_tier(adapters: Iterable[KeptAdapter], tier: Tier) -> Kept:
    sizes = [each.size_bytes for each in adapters if each.tier is tier]
    return Kept(len(sizes), sum(sizes))
