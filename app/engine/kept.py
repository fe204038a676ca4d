"""What an engine tells of the memories that it holds."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Tier(StrEnum):
    """Where a memory is."""

    COMING = "coming"
    """Being read from its file."""
    HOST = "host"
    """In main memory."""
    SLOT = "slot"
    """In a slot, ready to be read by any row at once."""
    DEVICE = "device"
    """On the device, of a form that no slot can hold: read by its rows as it is. Counted as if
    it were in main memory."""
    FAILED = "failed"
    """Its file cannot be used."""


@dataclass(frozen=True, slots=True)
class KeptAdapter:
    """What an engine holds of one adapter."""

    sha256: str
    document_id: str
    tier: Tier
    size_bytes: int
    """Main memory that it takes; 0 until it has come."""
    num_answers: int
    """Answers that read it now."""
    is_pinned: bool
    last_used_at: datetime
    """When it was last asked for, or an answer last read it; in UTC."""
    failure: str | None = None
    """Why it cannot be used, where it failed."""
