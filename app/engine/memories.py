"""What the tokens of one pass read: memories in slots, and those that fit into none.

A memory of another form than the slots' is read as it is by the tokens of its own rows, in products
of its own. N tokens, H heads, D head size.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from app.engine.all_slots import AllSlots
from app.engine.low_rank_slots import LowRankSlots
from app.engine.parts import Part, Span, spans_of
from app.engine.slot_ways import index_of
from app.lift.base_model import BaseModel, Pluggable
from app.lift.low_rank import LowRankMemory, Tokens, plugged_for_tokens
from app.lift.memory import GatedMemory, GateTrace, Memory, MemoryRead

Kind = TypeVar("Kind", GatedMemory, LowRankMemory)


def reading_of(parts: Sequence[Part], slots: AllSlots) -> "Pluggable | MixedReading | None":
    """Return what the tokens of a pass over `parts` read; None if no row has a memory."""
    in_gated, in_low_rank = slots.apart(spans_of(parts))
    shared = slots.gated.reading(in_gated) if in_gated else None
    wide = _readers(parts, GatedMemory, slots.device)
    low_rank = _readers(parts, LowRankMemory, slots.device)
    gated = _PartedReading(shared, wide) if wide else shared
    if low_rank or in_low_rank:
        return MixedReading(gated, low_rank, slots.low_rank, in_low_rank)
    return gated


@dataclass(frozen=True, slots=True)
class MixedReading:
    """The memories of one pass, some of them low-rank."""

    gated: Memory | None
    """What the tokens read that have a Gated Memory."""
    low_rank: Sequence[tuple[Tokens, LowRankMemory]]
    """Those that are in no slot, with the tokens that read them."""
    slots: LowRankSlots
    in_slots: Sequence[Span]
    """The tokens that read one of the slots."""

    @contextmanager
    def plugged_into(self, base: BaseModel) -> Iterator[GateTrace | None]:
        """Let the pass inside the block read; gives None where there are no gates."""
        with ExitStack() as plugs:
            plugs.enter_context(plugged_for_tokens(base.decoder, self.low_rank))
            if self.in_slots:
                plugs.enter_context(self.slots.plugged_into(base.decoder, self.in_slots))
            yield plugs.enter_context(base.plugged(self.gated)) if self.gated else None


class _PartedReading:
    """A `Memory`: some tokens read memories of their own, the others their slots, or nothing."""

    def __init__(self, shared: Memory | None, own: Sequence[tuple[Tokens, GatedMemory]]) -> None:
        self._shared, self._own = shared, own

    def read(self, layer: int, query: Tensor) -> MemoryRead:
        """Read layer number `layer` for packed queries [1, N, H, D]."""
        read = self._shared.read(layer, query) if self._shared else _silence(query)
        for tokens, memory in self._own:
            own = memory.read(layer, query[:, tokens])
            read.value[:, tokens], read.gate[:, tokens] = own.value, own.gate
        return read


def _silence(query: Tensor) -> MemoryRead:
    return MemoryRead(torch.zeros_like(query), query.new_zeros(query.shape[:-1]))


def _readers(
    parts: Sequence[Part], kind: type[Kind], device: torch.device
) -> list[tuple[Tokens, Kind]]:
    """Return the memories of a kind that rows have as their own, with all tokens of these."""
    readers = dict[Kind, list[int]]()
    for part, span in zip(parts, spans_of(parts), strict=True):
        if isinstance(part.own, kind):
            readers.setdefault(part.own, []).extend(range(span.start, span.end))
    return [(index_of(tokens, device), memory) for memory, tokens in readers.items()]
