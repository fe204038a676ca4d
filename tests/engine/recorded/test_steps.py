"""Recorded steps: what is played gives what the model gives, and what cannot be recorded is run."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.nn.functional import scaled_dot_product_attention

from app.engine.keys_values import Pool, RowCache
from app.engine.packed import Given, PackedModel
from app.engine.parts import Part, spans_of
from app.engine.recorded.steps import RecordedSteps, size_of
from app.engine.slots import Slots
from app.lift.base_model import BaseModel
from app.lift.memory import GatedMemory
from tests.engine.recorded.tapes import HostReadError, tape
from tests.tiny import FAMILIES, WINDOWED_FAMILIES, tiny_base

_PLACE_TOKENS, _NUM_SLOTS, _WINDOW = 48, 6, 7
_SOFT_CAPPED = "gemma2"
RECORDABLE = [family for family in FAMILIES if family != _SOFT_CAPPED]


def varlen_in_products(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    ends: Tensor,
    _key_ends: None,
    most_new: int,
    most_seen: int,
    *,
    scale: float,
    window_size: tuple[int, int],
    seqused_k: Tensor,
    block_table: Tensor,
    **_: Any,
) -> Tensor:
    """Do what CUDA's kernel does for rows of one token, without a look at any number."""
    assert (most_new, most_seen) == (1, key.shape[1])
    assert ends.shape[0] == query.shape[0] + 1
    keys, values = (part[block_table[:, 0]].transpose(1, 2) for part in (key, value))
    place, end = torch.arange(most_seen), seqused_k[:, None]
    visible = place < end
    if window_size[0] >= 0:
        visible &= place >= end - 1 - window_size[0]
    mask = visible[:, None, None]
    attended = scaled_dot_product_attention(
        query[:, :, None], keys, values, attn_mask=mask, scale=scale, enable_gqa=True
    )
    return attended[:, :, 0]


@pytest.fixture
def _kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the CPU have the kernel, for recorded steps."""
    monkeypatch.setattr(
        "app.engine.recorded.steps.can_attend", lambda _, look: look.softcap is None
    )
    monkeypatch.setattr("app.engine.paged.varlen_attn", varlen_in_products)


class Rows:
    """Rows of one model that speak, each with what it has read and the memory that it reads."""

    def __init__(self, base: BaseModel, slots: Sequence[int | None]) -> None:
        self._base, self._named = base, slots
        self._pool = Pool(len(slots), _PLACE_TOKENS)
        self._memories = [_memory(base, number) for number in range(_NUM_SLOTS)]
        self._slots = Slots(base.shapes, _NUM_SLOTS, 2, base.device, base.dtype)
        for number, memory in enumerate(self._memories):
            self._slots.write(number, memory)
        self.num_recorded = 0
        self.recorded = RecordedSteps(base, self._pool, self._slots, self._record)
        self.ids = [list(range(40 + row, 45 + 3 * row)) for row in range(len(slots))]
        self._caches = [RowCache(_PLACE_TOKENS, pool=self._pool) for _ in slots]
        parts = [
            Part(ids[:-1], cache, slot)
            for ids, cache, slot in zip(self.ids, self._caches, slots, strict=True)
        ]
        PackedModel(base).forward(parts, self._slots.reading(spans_of(parts)))

    def speaking(self, rows: Sequence[int]) -> list[Part]:
        """Return parts in which these rows read their latest token."""
        return [Part(self.ids[row][-1:], self._caches[row], self._named[row]) for row in rows]

    def check(self, rows: Sequence[int]) -> None:
        """Let rows say a token by a recording, and compare it with what transformers gives each."""
        passed = self.recorded.forward(self.speaking(rows))
        assert passed is not None
        for number, row in enumerate(rows):
            slot = self._named[row]
            memory = None if slot is None else self._memories[slot]
            expected, share = _alone(self._base, self.ids[row], memory)
            torch.testing.assert_close(passed.logits[number], expected, atol=2e-4, rtol=1e-3)
            assert passed.shares is None or passed.shares[number] == pytest.approx(share, abs=1e-4)
            assert passed.is_finite[number]
            self.ids[row].append(int(expected.argmax()))

    def _record(self, function: Callable[[], Any]) -> Callable[[], Any]:
        self.num_recorded += 1
        return tape(function)


def _memory(base: BaseModel, seed: int) -> GatedMemory:
    generator = torch.Generator().manual_seed(seed)
    return GatedMemory.initialised(base.shapes, 2, generator, scale=20.0)


@torch.inference_mode()
def _alone(base: BaseModel, ids: Sequence[int], memory: GatedMemory | None) -> tuple[Tensor, float]:
    tokens = torch.tensor([ids])
    if memory is None:
        return base.model(input_ids=tokens).logits[0, -1].float(), 0.0
    with base.plugged(memory) as trace:
        logits = base.model(input_ids=tokens).logits[0, -1].float()
    assert trace is not None
    return logits, float(trace.last_position_share())


@pytest.mark.usefixtures("_kernel")
@pytest.mark.parametrize("family", RECORDABLE)
def test_played_steps_are_the_models_own(family: str) -> None:
    """One recording serves other tokens, lengths, places and memories, in every family.

    Another reads all slots where they lie.
    """
    rows = Rows(tiny_base(family), [2, None, 0, 2, 5])
    rows.check([0, 1, 2, 3])
    rows.check([3, 2, 1, 0])
    rows.check([4, 1, 2])
    rows.check([0, 1, 4, 2])

    assert rows.num_recorded == 2


@pytest.mark.usefixtures("_kernel")
@pytest.mark.parametrize("family", [f for f in WINDOWED_FAMILIES if f != _SOFT_CAPPED])
def test_windows_are_played_too(family: str) -> None:
    """Layers that see the last tokens only see those, however long their row becomes."""
    rows = Rows(tiny_base(family, sliding_window=_WINDOW), [2, None, 0])
    for _ in range(4):
        rows.check([0, 1, 2])

    assert rows.num_recorded == 1


@pytest.mark.usefixtures("_kernel")
def test_sizes_take_turns() -> None:
    """Recordings of several sizes, with memories and with none, leave each other alone."""
    rows = Rows(tiny_base(), [2, None, 0, 1, 3, None, 4])
    for speakers in ([0], [1, 5], [0, 1, 2, 3, 4, 5, 6], [2], [5, 1], [0, 2, 3, 4, 6], [0, 1]):
        rows.check(speakers)

    assert rows.num_recorded == 4


def _no_kernel(_: Callable[[], Any]) -> Callable[[], Any]:
    raise RuntimeError("operation not permitted when stream is capturing")


@pytest.mark.usefixtures("_kernel")
def test_model_that_cannot_be_recorded_is_tried_once() -> None:
    """Its steps are left to be run, and nothing has been done to its rows."""
    rows, tries = Rows(tiny_base(), [1, None]), []

    def record(function: Callable[[], Any]) -> Callable[[], Any]:
        tries.append(function)
        return _no_kernel(function)

    rows.recorded._recorder = record
    parts = rows.speaking([0, 1])
    before = [part.cache.num_tokens for part in parts]

    assert rows.recorded.forward(parts) is None
    assert rows.recorded.forward(parts) is None
    assert [part.cache.num_tokens for part in parts] == before
    assert len(tries) == 1


def test_attention_without_a_kernel_is_not_recorded() -> None:
    """Numbers in full precision, or a soft cap on scores, are left to the other ways."""
    rows = Rows(tiny_base(_SOFT_CAPPED), [1])

    assert rows.recorded.forward(rows.speaking([0])) is None


@pytest.mark.usefixtures("_kernel")
def test_rows_that_read_more_or_lie_elsewhere_are_not_recorded() -> None:
    """A prompt, a row too long for a place, one whose memory is in no slot or in a low-rank one."""
    base = tiny_base()
    rows = Rows(base, [1, 2])
    speaking, reading = rows.speaking([0, 1])
    longer = Part([5, 6], reading.cache, reading.slot)
    outside = Part([5], RowCache(8), None)
    other = Part([5], reading.cache, own=_memory(base, 3))
    low_rank = Part([5], reading.cache, _NUM_SLOTS)

    assert rows.recorded.forward([speaking, longer]) is None
    assert rows.recorded.forward([speaking, outside]) is None
    assert rows.recorded.forward([speaking, other]) is None
    assert rows.recorded.forward([speaking, low_rank]) is None
    assert rows.num_recorded == 0


@given(num_rows=st.integers(1, 70), num_used=st.integers(0, 70), num_slots=st.integers(1, 70))
def test_sizes_fit_and_are_few(num_rows: int, num_used: int, num_slots: int) -> None:
    """A size has room, at most twice what is needed, and reads half the slots or all."""
    num_used = min(num_used, num_rows, num_slots)
    size = size_of(num_rows, num_used, num_slots)

    assert num_rows <= size.rows < 2 * num_rows or num_rows == size.rows
    assert num_used <= size.slots <= max(num_slots, num_used)
    assert (size.slots == 0) == (num_used == 0)
    assert size.slots == num_slots or 2 * size.slots <= num_slots
    assert size.slots < 4 * num_used or num_used == 0


def test_tape_refuses_what_a_graph_cannot_hold() -> None:
    """The judge of the other tests sees a look at a number, and a number that is brought."""
    values = torch.ones(3)
    with pytest.raises(HostReadError):
        tape(lambda: values.sum().item())
    with pytest.raises(HostReadError):
        tape(lambda: values + torch.tensor([1.0, 2.0, 3.0]))


def _moved_away(base: BaseModel) -> None:
    """Put a model's numbers, in half precision, where the host cannot read them."""
    for module in base.model.modules():
        for held in (module._parameters, module._buffers):
            for name, values in [(name, v) for name, v in held.items() if v is not None]:
                dtype = torch.bfloat16 if values.is_floating_point() else values.dtype
                there = torch.empty(values.shape, dtype=dtype, device="meta")
                held[name] = (
                    torch.nn.Parameter(there, False) if held is module._parameters else there
                )


@pytest.mark.parametrize("family", RECORDABLE)
def test_step_keeps_to_its_device(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch's kernel takes what it is given; nothing is asked back or brought from afar."""
    monkeypatch.setattr("app.engine.recorded.steps.can_attend", lambda *_: True)
    base, given = tiny_base(family), list[Given]()

    def keep(function: Callable[[], Any]) -> Callable[[], Any]:
        given.append(function())
        return lambda: given[0]

    with FakeTensorMode():
        _moved_away(base)
        pool, slots = Pool(4, 256), Slots(base.shapes, 8, 2, base.device, base.dtype)
        caches = [RowCache(256, pool=pool) for _ in range(3)]
        parts = [Part([7], cache, slot) for cache, slot in zip(caches, (1, None, 5), strict=True)]
        with pytest.raises(DataDependentOutputException):  # what was given is awaited, at the end
            RecordedSteps(base, pool, slots, keep).forward(parts)

    assert given[0].logits.shape == (4, base.model.config.get_text_config().vocab_size)
    assert given[0].shares is not None
    assert {given[0].logits.device, given[0].shares.device, given[0].is_finite.device} == {
        torch.device("meta")
    }
