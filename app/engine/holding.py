"""What the bank knows of one memory: where it is, who reads it, why it failed."""

import time
import traceback
from dataclasses import dataclass, field
from datetime import UTC, datetime

from app.engine.kept import KeptAdapter, Tier
from app.lift.kinds import DocumentMemory


@dataclass
class Holding:
    """One memory on its way, or in its place. The bank's lock guards it."""

    document_id: str
    tier: Tier = Tier.COMING
    memory: DocumentMemory | None = None
    error: Exception | None = None
    slot: int | None = None
    fitting: range = range(0)
    """The slots that can hold it."""
    num_rows: int = 0
    """Rows that read it now."""
    num_bytes: int = 0
    """Main memory that it takes."""
    most_bytes: int = 0
    """What it will take at most, where somebody knew the size of its file."""
    is_leaving: bool = False
    """It goes as soon as no row reads it."""
    last_used_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    failed_at: float = 0.0
    """By `time.perf_counter`."""

    @property
    def room_bytes(self) -> int:
        """Main memory to be set aside for it."""
        return self.num_bytes or self.most_bytes

    @property
    def is_idle(self) -> bool:
        """Whether it can be dropped: no thread works on it, and no row reads it."""
        return self.tier is not Tier.COMING and not self.num_rows

    def touch(self) -> None:
        """Note that it is used now."""
        self.last_used_at = datetime.now(UTC)

    def arrive(self, memory: DocumentMemory, fitting: range) -> None:
        """Note that it has come: to main memory, or to the device if no slot can hold it."""
        self.memory, self.fitting = memory, fitting
        self.num_bytes = sum(weight.nbytes for weight in memory.state_dict().values())
        self.tier = Tier.HOST if fitting else Tier.DEVICE

    def fail(self, error: Exception) -> None:
        """Keep nothing but the reason."""
        _clear_frames(error)
        self.tier, self.error, self.failed_at = Tier.FAILED, error, time.perf_counter()
        self.memory, self.num_bytes, self.most_bytes = None, 0, 0

    def told(self, key: str, *, is_pinned: bool) -> KeptAdapter:
        """Return what the engine tells of it."""
        return KeptAdapter(
            sha256=key,
            document_id=self.document_id,
            tier=self.tier,
            size_bytes=self.num_bytes,
            num_answers=self.num_rows,
            is_pinned=is_pinned,
            last_used_at=self.last_used_at,
            failure=None if self.error is None else str(self.error),
        )


def _clear_frames(error: BaseException | None) -> None:
    """Let go of what the calls that failed had in hand: the weights of a memory, it may be."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
