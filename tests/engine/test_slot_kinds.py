"""The bank with slots of two kinds: memories take turns at those of their own kind only."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from app.engine.all_slots import AllSlots
from app.engine.bank import Bank
from app.engine.kept import Tier
from app.engine.low_rank_slots import LayerSize, LowRankSlots
from app.engine.slots import Slots
from app.lift.kinds import DocumentMemory
from app.lift.low_rank import LoraPair, LowRankMemory
from tests.engine.banks import SHAPES, Making, memory, tier
from tests.waiting import wait_until

_CPU = torch.device("cpu")
_LAYER = nn.Linear(6, 4)


def _lora() -> LowRankMemory:
    pair = LoraPair(_LAYER, 2, 1.0)
    pair.start_from(torch.randn(2, 6), torch.randn(4, 2))
    return LowRankMemory({"layer": pair})


_SLOT = {"gated": 0, "lora": 1}
_MAKERS: dict[str, Callable[[], DocumentMemory]] = {"gated": memory, "lora": _lora}


@pytest.fixture
def slots() -> AllSlots:
    """One slot for each kind."""
    low_rank = LowRankSlots({"layer": LayerSize(6, 4)}, 1, 2, _CPU, torch.float32)
    return AllSlots(Slots(SHAPES, 1, 2, _CPU, torch.float32), low_rank)


def _bring(bank: Bank, kind: str, key: str) -> Tier:
    def has_come() -> bool:
        return bank.prepare(key, key, _MAKERS[kind]) is not Tier.COMING

    wait_until(has_come, 10)
    return bank.prepare(key, key, _MAKERS[kind])


@pytest.mark.parametrize(("kind", "other"), [("gated", "lora"), ("lora", "gated")])
def test_a_memory_takes_the_place_of_its_own_kind(
    make_bank: Making, slots: AllSlots, kind: str, other: str
) -> None:
    """Although the other kind's was used less lately, and is idle."""
    bank = make_bank(slots=slots)
    assert _bring(bank, other, "other") is Tier.SLOT
    assert _bring(bank, kind, "first") is Tier.SLOT
    assert _bring(bank, kind, "second") is Tier.SLOT

    assert (tier(bank, "other"), tier(bank, "first")) == (Tier.SLOT, Tier.HOST)
    assert bank.acquire("second") == (_SLOT[kind], None)
    assert bank.acquire("other") == (_SLOT[other], None)


@pytest.mark.parametrize(("kind", "other"), [("gated", "lora"), ("lora", "gated")])
def test_a_memory_waits_for_its_own_kind(
    make_bank: Making, slots: AllSlots, kind: str, other: str
) -> None:
    """An idle slot of the other kind is no help, and its memory stays."""
    bank = make_bank(slots=slots)
    for each in (kind, other):
        _bring(bank, each, each)
    bank.acquire(kind)

    assert _bring(bank, kind, "second") is Tier.HOST
    assert tier(bank, other) is Tier.SLOT
    bank.release(kind)
    assert _bring(bank, kind, "second") is Tier.SLOT


def test_slots_that_others_left_hold_nothing_of_them(slots: AllSlots) -> None:
    """A memory of a lower rank leaves no row of the one before."""
    slots.write(1, _lora())
    lower = LoraPair(_LAYER, 1, 1.0)
    lower.start_from(torch.randn(1, 6), torch.randn(4, 1))
    slots.write(1, LowRankMemory({"layer": lower}))
    stacked = slots.low_rank._layers["layer"]

    assert stacked.first[0, 0, :, 1].abs().max() == 0
    assert stacked.second[0, 0, 1].abs().max() == 0


def test_room_is_taken_when_the_first_memory_comes(slots: AllSlots) -> None:
    """A server whose documents have Gated Memories only has all of its memory for other things."""
    assert slots.low_rank.slot_bytes == (6 + 4) * 2 * 4
    assert not slots.low_rank._layers
    slots.write(1, _lora())

    held = slots.low_rank._layers.values()
    assert sum(part.nbytes for stacked in held for part in stacked) == slots.low_rank.slot_bytes
