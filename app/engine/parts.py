"""What a pass reads: the next tokens of some rows, packed one behind the other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.engine.keys_values import RowCache
from app.lift.kinds import DocumentMemory


@dataclass(frozen=True, slots=True)
class Part:
    """The next tokens of one row."""

    ids: Sequence[int]
    cache: RowCache
    slot: int | None = None
    """Of the row's memory in the bank; None reads none."""
    own: DocumentMemory | None = None
    """The row's memory, where the slots cannot hold it."""


class Span(NamedTuple):
    """Where a part lies among the N tokens."""

    start: int
    end: int
    slot: int | None


class Look(NamedTuple):
    """How a layer looks at what was seen."""

    scale: float
    window: int | None
    """Sees so many of the latest tokens only; None sees all."""
    softcap: float | None


def spans_of(parts: Sequence[Part]) -> list[Span]:
    """Return where each part lies."""
    spans, start = list[Span](), 0
    for part in parts:
        spans.append(Span(start, start + len(part.ids), part.slot))
        start += len(part.ids)
    return spans
