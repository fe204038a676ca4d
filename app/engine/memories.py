"""What the tokens of one pass read: memories in slots, and those that fit into none.

A memory of another form than the slots', a low-rank one or a wider one, is read as it is by the
tokens of its own rows. N tokens, H heads, D head size.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from app.engine.joined import JoinedMemories
from app.engine.parts import Part, spans_of
from app.engine.slots import Slots
from app.lift.base_model import BaseModel, Pluggable
from app.lift.low_rank import LowRankMemory
from app.lift.memory import GatedMemory, GateTrace, Memory, MemoryRead


class Memories:
    """The memories that one engine's passes read. For one thread."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._joined: JoinedMemories | None = None
        """Of the passes before: as long as no other memory comes, nothing is copied."""

    def reading(self, parts: Sequence[Part]) -> "Pluggable | MixedReading | None":
        """Return what the tokens of a pass over `parts` read; None if no row has a memory."""
        in_slots = any(part.slot is not None for part in parts)
        shared = self._slots.reading(spans_of(parts)) if in_slots else None
        low_rank = [part.own if isinstance(part.own, LowRankMemory) else None for part in parts]
        self._join([memory for memory in low_rank if memory])
        wide = [
            (slice(span.start, span.end), part.own)
            for part, span in zip(parts, spans_of(parts), strict=True)
            if isinstance(part.own, GatedMemory)
        ]
        gated = _PartedReading(shared, wide) if wide else shared
        if self._joined is None:
            return gated
        readers = [memory for part, memory in zip(parts, low_rank, strict=True) for _ in part.ids]
        return MixedReading(gated, self._joined, readers)

    def _join(self, wanted: Sequence[LowRankMemory]) -> None:
        if not wanted:
            self._joined = None
        elif self._joined is None or not self._joined.holds(wanted):
            self._joined = JoinedMemories(list(dict.fromkeys(wanted)))


@dataclass(frozen=True, slots=True)
class MixedReading:
    """The memories of one pass, some of them low-rank."""

    gated: Memory | None
    """What the tokens read that have a Gated Memory."""
    joined: JoinedMemories
    readers: Sequence[LowRankMemory | None]
    """Which of these each token reads."""

    @contextmanager
    def plugged_into(self, base: BaseModel) -> Iterator[GateTrace | None]:
        """Let the pass inside the block read; gives None where there are no gates."""
        with ExitStack() as plugs:
            plugs.enter_context(self.joined.plugged_into(base.decoder, self.readers))
            yield plugs.enter_context(base.plugged(self.gated)) if self.gated else None


class _PartedReading:
    """A `Memory`: some tokens read memories of their own, the others their slots, or nothing."""

    def __init__(self, shared: Memory | None, wide: Sequence[tuple[slice, GatedMemory]]) -> None:
        self._shared, self._wide = shared, wide

    def read(self, layer: int, query: Tensor) -> MemoryRead:
        """Read layer number `layer` for packed queries [1, N, H, D]."""
        read = self._shared.read(layer, query) if self._shared else _silence(query)
        for tokens, memory in self._wide:
            own = memory.read(layer, query[:, tokens])
            read.value[:, tokens], read.gate[:, tokens] = own.value, own.gate
        return read


def _silence(query: Tensor) -> MemoryRead:
    return MemoryRead(torch.zeros_like(query), query.new_zeros(query.shape[:-1]))
