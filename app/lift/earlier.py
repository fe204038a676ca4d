"""What an earlier lift of the same document left, for one that goes on from there."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.lift.observer import QAPair


@dataclass(frozen=True, slots=True)
class Earlier:
    """Work that is not done again, as the observer was told of it; by default none."""

    pairs: Sequence[QAPair] = ()
    """All pairs that were written, in their order, also those that are held back."""
    num_tried: int = 0
    """Places of the text that were tried for them, at the end of a batch."""
    checkpoint: Path | None = None
    """Where training stopped, which begins once all pairs are written."""
