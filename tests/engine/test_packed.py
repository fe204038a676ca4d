"""The packed pass: many rows at once give what each gives alone, in every family."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from app.engine.keys_values import Pool, RowCache
from app.engine.packed import PackedModel
from app.engine.parts import Part, spans_of
from app.engine.slots import Slots
from app.lift.base_model import BaseModel
from app.lift.kinds import DocumentMemory
from app.lift.memory import GatedMemory
from tests.tiny import FAMILIES, WINDOWED_FAMILIES, tiny_base

_WINDOW = 7
_LENGTHS = (5, 11, 3, 17)


@pytest.fixture(scope="module", params=FAMILIES)
def base(request: pytest.FixtureRequest) -> BaseModel:
    """A tiny model of each family."""
    return tiny_base(request.param)


@pytest.fixture(scope="module", params=WINDOWED_FAMILIES)
def windowed(request: pytest.FixtureRequest) -> BaseModel:
    """A tiny model of each family whose layers may see the last tokens only."""
    return tiny_base(request.param, sliding_window=_WINDOW)


def memory_for(base: BaseModel, seed: int, width_factor: int = 2) -> GatedMemory:
    """Return a random memory that says much."""
    generator = torch.Generator().manual_seed(seed)
    return GatedMemory.initialised(base.shapes, width_factor, generator, scale=20.0)


def prompts() -> list[list[int]]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randint(3, 250, (length,), generator=generator).tolist() for length in _LENGTHS]


@torch.inference_mode()
def alone(base: BaseModel, ids: Sequence[int], memory: DocumentMemory | None) -> Tensor:
    """Return transformers' own logits after `ids`, with its own attention."""
    tokens = torch.tensor([ids])
    if memory is None:
        logits = base.model(input_ids=tokens).logits
    else:
        with base.plugged(memory):
            logits = base.model(input_ids=tokens).logits
    return logits[0, -1].float()


def test_rows_of_a_pass_are_as_alone(base: BaseModel) -> None:
    """Different lengths, memories and none, read in pieces: what transformers gives each alone."""
    _check(base)


@pytest.mark.parametrize("family", ["llama", "qwen3", "gemma2"])
def test_bfloat16_differs_by_roundings_only(family: str) -> None:
    """In half precision a pass is as far from each alone as that is from full precision, or so."""
    exact, base = tiny_base(family), tiny_base(family)
    base.model.bfloat16()
    memory, pool, model = memory_for(base, 1), Pool(4, 48), PackedModel(base)
    slots = Slots(base.shapes, 1, 2, base.device, base.dtype)
    slots.write(0, memory)
    caches = [RowCache(40, pool=pool) for _ in _LENGTHS]
    for cut in (slice(0, -1), slice(-1, None)):
        parts = [
            Part(ids[cut], cache, slot)
            for ids, cache, slot in zip(prompts(), caches, (0, None, 0, None), strict=True)
        ]
        passed = model.forward(parts, slots.reading(spans_of(parts)))

    for row, ids in enumerate(prompts()):
        plugged = None if row % 2 else memory
        single, true = alone(base, ids, plugged), alone(exact, ids, plugged)
        assert (passed.logits[row] - single).norm() < 2 * (single - true).norm()


def test_windows_are_each_rows_own(windowed: BaseModel) -> None:
    """Layers that see the last tokens only see those of their row."""
    _check(windowed)


def _check(base: BaseModel) -> None:
    memories = [memory_for(base, 1), None, memory_for(base, 2), memory_for(base, 1)]
    slots = Slots(base.shapes, 3, 2, base.device, base.dtype)
    slots.write(2, memory_for(base, 1))
    slots.write(0, memory_for(base, 2))
    numbers = [2, None, 0, 2]
    model, pool = PackedModel(base), Pool(len(_LENGTHS), 48)
    caches = [RowCache(capacity, pool=pool) for capacity in (40, 40, 64, 40)]
    for cut in (2, None):  # the first tokens, the others, and then one by one
        parts = [
            Part(ids[cache.num_tokens : cut], cache, slot)
            for ids, cache, slot in zip(prompts(), caches, numbers, strict=True)
        ]
        passed = model.forward(parts, slots.reading(spans_of(parts)))
    rows = prompts()
    for _ in range(4):
        for row, (ids, memory) in enumerate(zip(rows, memories, strict=True)):
            expected = alone(base, ids, memory)
            torch.testing.assert_close(passed.logits[row], expected, atol=2e-4, rtol=1e-3)
            ids.append(int(expected.argmax()))
        parts = [
            Part(ids[-1:], cache, slot)
            for ids, cache, slot in zip(rows, caches, numbers, strict=True)
        ]
        passed = model.forward(parts, slots.reading(spans_of(parts)))
        assert passed.shares is not None
        assert passed.shares[1] == 0
        assert passed.shares[0] > 0


def test_usual_attention_is_back_after_a_pass(base: BaseModel) -> None:
    """A pass leaves no trace in the model."""
    expected = alone(base, prompts()[0], None)
    PackedModel(base).forward([Part(prompts()[1], RowCache(64))])

    assert torch.equal(alone(base, prompts()[0], None), expected)
