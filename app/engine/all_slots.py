"""The slots of all kinds under one numbering: those of Gated Memories come first."""

from collections.abc import Sequence
from typing import Protocol

import structlog
import torch

from app.engine.low_rank_slots import LayerSize, LowRankSlots
from app.engine.parts import Span
from app.engine.slots import Slots
from app.lift.base_model import BaseModel
from app.lift.config import MethodConfig
from app.lift.errors import MemoryFormError
from app.lift.kinds import DocumentMemory
from app.lift.rivals import adapted_layers, equal_budget_rank

_WIDTH_FACTOR = 2  # of memories that share the slots: the authors' choice; others are read apart
_FOLDED = 2  # ranks of a folded PiSSA for each that was trained
_META = torch.device("meta")
_log = structlog.get_logger()


class Room(Protocol):
    """What a bank fills: slots of one kind, or of several."""

    num_slots: int
    device: torch.device

    def fitting(self, memory: DocumentMemory) -> range:
        """Return the slots that can hold a memory; none if it is of another form than theirs."""
        ...

    def write(self, slot: int, memory: DocumentMemory) -> None:
        """Put a memory that fits into a slot that nobody reads."""
        ...


class AllSlots:
    """A `Room` for memories of all kinds."""

    def __init__(self, gated: Slots, low_rank: LowRankSlots) -> None:
        self.gated, self.low_rank, self.device = gated, low_rank, gated.device
        self.num_slots = gated.num_slots + low_rank.num_slots

    def fitting(self, memory: DocumentMemory) -> range:
        """Return the slots that can hold a memory; none if it is of another form than theirs."""
        behind = self.low_rank.fitting(memory)
        first = self.gated.num_slots
        return self.gated.fitting(memory) or range(first, first + len(behind))

    def write(self, slot: int, memory: DocumentMemory) -> None:
        """Put a memory that fits into a slot that nobody reads."""
        if self.is_gated(slot):
            self.gated.write(slot, memory)
        else:
            self.low_rank.write(slot - self.gated.num_slots, memory)

    def is_gated(self, slot: int) -> bool:
        """Say whether a slot is one of Gated Memories'."""
        return slot < self.gated.num_slots

    def apart(self, spans: Sequence[Span]) -> tuple[list[Span], list[Span]]:
        """Return the spans that read Gated Memories' slots, and those that read low-rank ones."""
        gated, low_rank = list[Span](), list[Span]()
        for span in spans:
            if span.slot is None:
                continue
            if self.is_gated(span.slot):
                gated.append(span)
            else:
                low_rank.append(span._replace(slot=span.slot - self.gated.num_slots))
        return gated, low_rank


def slots_for(
    base: BaseModel, gated_bytes: int, low_rank_bytes: int, least_low_rank: int
) -> AllSlots:
    """Take room for memories of `base`, as the two that follow do."""
    low_rank = low_rank_slots_for(base, low_rank_bytes, least_low_rank)
    return AllSlots(gated_slots_for(base, gated_bytes), low_rank)


def gated_slots_for(base: BaseModel, num_bytes: int) -> Slots:
    """Take room for Gated Memories of `base`, on its device; for one at least."""
    one = Slots(base.shapes, 1, _WIDTH_FACTOR, _META, base.dtype)
    num_slots = max(1, num_bytes // one.slot_bytes)
    return Slots(base.shapes, num_slots, _WIDTH_FACTOR, base.device, base.dtype)


def low_rank_slots_for(base: BaseModel, num_bytes: int, least: int) -> LowRankSlots:
    """Take room for memories that train as many numbers as Gated Memory; for none below `least`.

    With fewer slots than rows, these would wait for each other; memories in no slot do not.
    """
    sizes, rank = _low_rank_sizes(base)
    one = LowRankSlots(sizes, 1, rank, _META, base.dtype)
    num_slots = num_bytes // one.slot_bytes if sizes else 0
    if num_slots < least:
        _log.info("no_low_rank_slots", wanted=least, room_for=num_slots, slot_bytes=one.slot_bytes)
        num_slots = 0
    return LowRankSlots(sizes, num_slots, rank, base.device, base.dtype)


def _low_rank_sizes(base: BaseModel) -> tuple[dict[str, LayerSize], int]:
    method = MethodConfig(memory_width_factor=_WIDTH_FACTOR)
    try:
        layers = adapted_layers(base, method.lora_target_modules)
    except MemoryFormError:  # it has no linear layer, so it has no low-rank memories
        return {}, 0
    sizes = {
        name: LayerSize(layer.in_features, layer.out_features) for name, layer in layers.items()
    }
    return sizes, _FOLDED * equal_budget_rank(base, method)
