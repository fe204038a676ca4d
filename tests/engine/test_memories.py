"""Memories that fit into no slot, in one pass with all others: each row reads its own only."""

from collections.abc import Callable

import pytest
import torch

from app.engine.keys_values import Pool, RowCache
from app.engine.memories import reading_of
from app.engine.packed import PackedModel, Passed
from app.engine.parts import Part
from app.engine.slots import Slots
from app.lift.base_model import BaseModel
from app.lift.kinds import DocumentMemory
from tests.engine.test_packed import alone, memory_for
from tests.tiny import FAMILIES, tiny_base

_LENGTHS = (9, 4, 7, 5, 6, 5, 8)
_IN_SLOT = 1


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


def test_each_row_reads_its_own(base: BaseModel, memories: list[DocumentMemory | None]) -> None:
    """What transformers gives each alone: prompts in two pieces, then tokens one by one."""
    generator = torch.Generator().manual_seed(0)
    rows = [torch.randint(3, 250, (n,), generator=generator).tolist() for n in _LENGTHS]
    slots = _slots(base)
    slots.write(1, memories[_IN_SLOT])  # type: ignore[arg-type]
    model, pool = PackedModel(base), Pool(len(rows), 48)
    caches = [RowCache(40, pool=pool) for _ in rows]

    def read(cut: int | None = None) -> Passed:
        parts = [
            Part(ids[cache.num_tokens : cut], cache, 1)
            if row == _IN_SLOT
            else Part(ids[cache.num_tokens : cut], cache, own=memories[row])
            for row, (ids, cache) in enumerate(zip(rows, caches, strict=True))
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


def _slots(base: BaseModel) -> Slots:
    return Slots(base.shapes, 2, 2, base.device, base.dtype)
