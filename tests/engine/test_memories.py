"""Memories of all kinds, in slots or in none, in one pass: each row reads its own only."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from app.engine.all_slots import AllSlots, low_rank_slots_for
from app.engine.keys_values import Pool, RowCache
from app.engine.low_rank_slots import LayerSize, LowRankSlots
from app.engine.memories import reading_of
from app.engine.packed import PackedModel, Passed
from app.engine.parts import Part, Span
from app.engine.slots import Slots
from app.lift.base_model import BaseModel
from app.lift.config import MethodConfig
from app.lift.kinds import DocumentMemory, new_memory
from app.lift.low_rank import LoraPair, LowRankMemory, PissaPair
from tests.engine.test_packed import alone, memory_for
from tests.tiny import FAMILIES, tiny_base

_LENGTHS = (9, 4, 7, 5, 6, 5, 8)


@pytest.fixture(params=FAMILIES)
def base(request: pytest.FixtureRequest) -> BaseModel:
    """A tiny model of each family."""
    return tiny_base(request.param)


@pytest.fixture
def memories(base: BaseModel, make_low_rank: Callable) -> list[DocumentMemory | None]:
    """One of each form for a row; two rows that do not lie side by side read the same."""
    lora = make_low_rank(base, "lora")
    wide, slim = memory_for(base, 2, width_factor=3), memory_for(base, 1)
    return [lora, slim, make_low_rank(base, "pissa"), None, lora, wide, wide]


@pytest.mark.parametrize("num_low_rank", [0, 3])
def test_each_row_reads_its_own(
    base: BaseModel, memories: list[DocumentMemory | None], num_low_rank: int
) -> None:
    """What transformers gives each alone: prompts in two pieces, then tokens one by one."""
    generator = torch.Generator().manual_seed(0)
    rows = [torch.randint(3, 250, (n,), generator=generator).tolist() for n in _LENGTHS]
    slots = _slots(base, num_low_rank)
    places = [_place(slots, memory) for memory in memories]
    model, pool = PackedModel(base), Pool(len(rows), 48)
    caches = [RowCache(40, pool=pool) for _ in rows]

    def read(cut: int | None = None) -> Passed:
        parts = [
            Part(ids[cache.num_tokens : cut], cache, *place)
            for ids, cache, place in zip(rows, caches, places, strict=True)
        ]
        return model.forward(parts, reading_of(parts, slots))

    read(3)
    for _ in range(3):
        passed = read()
        for row, (ids, memory) in enumerate(zip(rows, memories, strict=True)):
            expected = alone(base, ids, memory)
            torch.testing.assert_close(passed.logits[row], expected, atol=2e-4, rtol=1e-3)
            ids.append(int(expected.argmax()))
        assert passed.shares is not None
        assert [row for row, share in enumerate(passed.shares) if share > 0] == [1, 5, 6]


def _place(slots: AllSlots, memory: DocumentMemory | None) -> tuple[int | None, Any]:
    """Put a memory into a slot if one can hold it; PiSSA into the last one."""
    if memory is None:
        return None, None
    is_low_rank = isinstance(memory, LowRankMemory)
    is_pissa = is_low_rank and isinstance(next(iter(memory.pairs.values())), PissaPair)
    memory = memory.folded() if is_low_rank else memory
    if not (fitting := slots.fitting(memory)):
        return None, memory
    slot = fitting[-1 if is_pissa else 0]
    slots.write(slot, memory)
    return slot, None


@pytest.mark.parametrize("kind", ["lora", "pissa"])
def test_low_rank_slots_give_what_each_memory_gives_alone(
    kind: str, make_low_rank: Callable
) -> None:
    """Side by side in one pass, a token each, after other memories lay in the same slots."""
    base = tiny_base()
    memories = [make_low_rank(base, kind, seed) for seed in range(6)]
    slots, pool, model = _slots(base, 4), Pool(4, 48), PackedModel(base)
    first, ids = slots.gated.num_slots, [[5, 6, 7], [8, 9], [10, 11, 12, 13], [14]]
    for slot in (0, 1, 2, 3):
        slots.write(first + slot, memories[slot].folded())
    for slot in (0, 3):  # others come in their place
        slots.write(first + slot, memories[4 + slot // 3].folded())
    read = [memories[4], memories[1], memories[2], memories[5]]
    caches = [RowCache(40, pool=pool) for _ in ids]
    for cut in (slice(0, -1), slice(-1, None)):
        parts = [
            Part(tokens[cut], cache, first + slot)
            for slot, (tokens, cache) in enumerate(zip(ids, caches, strict=True))
            if tokens[cut]
        ]
        passed = model.forward(parts, reading_of(parts, slots))

    assert passed.shares is None
    for row, (tokens, memory) in enumerate(zip(ids, read, strict=True)):
        expected = alone(base, tokens, memory)
        torch.testing.assert_close(passed.logits[row], expected, atol=2e-4, rtol=1e-3)


def test_low_rank_slots_hold_smaller_memories_and_no_larger_ones(make_low_rank: Callable) -> None:
    """One of half the rank, over some of the layers, reads as it would alone; others do not fit."""
    base = tiny_base()
    slots = _slots(base, 2)
    whole = make_low_rank(base, "lora")
    slots.write(slots.gated.num_slots, whole)
    few = LowRankMemory({name: pair for name, pair in whole.pairs.items() if "q_proj" in name})
    slots.write(slots.gated.num_slots, few)
    parts = [Part([5, 6, 7], RowCache(8), slots.gated.num_slots)]
    passed = PackedModel(base).forward(parts, reading_of(parts, slots))
    expected = alone(base, [5, 6, 7], few)

    torch.testing.assert_close(passed.logits[0], expected, atol=2e-4, rtol=1e-3)
    assert slots.fitting(few) == range(slots.gated.num_slots, slots.num_slots)
    for other in (_of_rank(base, slots.low_rank.rank + 1), make_low_rank(base, "pissa")):
        assert not slots.fitting(other)
    assert not slots.fitting(LowRankMemory({"another.layer": whole.pairs["layers.0.mlp.up_proj"]}))


def _of_rank(base: BaseModel, rank: int) -> DocumentMemory:
    return new_memory(base, MethodConfig(memory_kind="lora", lora_rank=rank))


def test_layers_that_get_all_rows_as_one_list_read_their_slots() -> None:
    """Routers and shared experts get [N, I] and not [1, N, I]; others run no hook at all."""
    decoder = nn.ModuleDict({"gate": nn.Linear(6, 4, bias=False), "bare": nn.Linear(6, 4)})
    sizes = {name: LayerSize(6, 4) for name in decoder}
    slots = LowRankSlots(sizes, 3, 2, torch.device("cpu"), torch.float32)
    pairs = [LoraPair(decoder["gate"], 2, 1.0) for _ in range(2)]
    for slot, pair in enumerate(pairs):
        pair.start_from(torch.randn(2, 6), torch.randn(4, 2))
        slots.write(slot, LowRankMemory({"gate": pair}))
    hidden = torch.randn(4, 6)
    spans = [Span(0, 1, 1), Span(1, 2, None), Span(2, 4, 0)]
    with torch.inference_mode(), slots.plugged_into(decoder, spans):
        said = decoder["gate"](hidden)
        assert not decoder["bare"]._forward_hooks

    expected = decoder["gate"](hidden)
    expected[0] += pairs[1](hidden[0])
    expected[2:] += pairs[0](hidden[2:])
    torch.testing.assert_close(said, expected)


def test_too_few_low_rank_slots_are_none() -> None:
    """Rows would wait for each other; memories in no slot are read side by side."""
    base = tiny_base()
    one = low_rank_slots_for(base, 0, least=1).slot_bytes

    assert low_rank_slots_for(base, 4 * one, least=4).num_slots == 4
    assert low_rank_slots_for(base, 4 * one - 1, least=4).num_slots == 0


@pytest.mark.parametrize("base", ["llama"], indirect=True)
def test_low_rank_rows_by_themselves_have_no_share(
    base: BaseModel, memories: list[DocumentMemory | None]
) -> None:
    """Nothing has a gate, so there is none to tell of; the model is bare again afterwards."""
    ids = [5, 6, 7]
    bare = alone(base, ids, None)
    parts = [Part(ids, RowCache(8), own=memories[0]), Part(ids, RowCache(8))]
    passed = PackedModel(base).forward(parts, reading_of(parts, _slots(base)))

    assert passed.shares is None
    torch.testing.assert_close(passed.logits[1], bare, atol=2e-4, rtol=1e-3)
    assert torch.equal(alone(base, ids, None), bare)


@pytest.mark.parametrize("base", ["llama"], indirect=True)
@pytest.mark.parametrize(("kind", "part"), [("lora", "down"), ("lora", "up"), ("pissa", "start")])
def test_memory_without_numbers_is_its_rows_trouble_only(
    base: BaseModel,
    memories: list[DocumentMemory | None],
    make_low_rank: Callable,
    kind: str,
    part: str,
) -> None:
    """Whichever of its matrices is broken."""
    broken, ids = make_low_rank(base, kind, 5), [5, 6, 7]
    for name, weight in broken.state_dict().items():
        if name.endswith(part):
            weight.fill_(torch.nan)
    parts = [Part(ids, RowCache(8), own=memory) for memory in (broken, memories[0], None)]
    passed = PackedModel(base).forward(parts, reading_of(parts, _slots(base)))

    assert passed.is_finite == [False, True, True]
    for row, memory in ((1, memories[0]), (2, None)):
        expected = alone(base, ids, memory)
        torch.testing.assert_close(passed.logits[row], expected, atol=2e-4, rtol=1e-3)


def _slots(base: BaseModel, num_low_rank: int = 0) -> AllSlots:
    """Two for Gated Memories, and some for low-rank ones."""
    one = low_rank_slots_for(base, 10**6, least=1).slot_bytes
    low_rank = low_rank_slots_for(base, num_low_rank * one, least=0)
    return AllSlots(Slots(base.shapes, 2, 2, base.device, base.dtype), low_rank)
