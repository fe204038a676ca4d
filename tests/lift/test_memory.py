"""Gated Memory and the socket: the identities that make a hot swap safe."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from app.lift.base_model import BaseModel
from app.lift.memory import GatedMemory, HeadShape, MemoryRead, tensor_shapes

MakeMemory = Callable[..., GatedMemory]
IDS = torch.arange(5, 45)[None]


@torch.no_grad()
def logits(base: BaseModel) -> Tensor:
    output: Tensor = base.model(IDS).logits
    return output


@torch.no_grad()
def logits_with(base: BaseModel, memory: GatedMemory) -> Tensor:
    with base.plugged(memory):
        return logits(base)


def test_unplugged_model_is_the_base_model_bit_for_bit(
    base: BaseModel, make_memory: MakeMemory
) -> None:
    """After a memory was plugged in and out, the logits are exactly those of before."""
    before = logits(base)
    logits_with(base, make_memory(base))

    assert torch.equal(logits(base), before)


def test_plugged_memory_changes_the_output(base: BaseModel, make_memory: MakeMemory) -> None:
    """A memory with open gates is heard."""
    assert not torch.allclose(logits_with(base, make_memory(base)), logits(base), atol=1e-3)


def test_swapping_back_gives_the_same_output(base: BaseModel, make_memory: MakeMemory) -> None:
    """A, then B, then A again: A's logits are the same bit for bit, and B's are others."""
    first, second = make_memory(base, 1), make_memory(base, 2)
    before = logits_with(base, first)
    between = logits_with(base, second)

    assert torch.equal(logits_with(base, first), before)
    assert not torch.equal(between, before)


def test_memory_is_unplugged_when_the_block_fails(
    llama: BaseModel, make_memory: MakeMemory
) -> None:
    """An exception inside the block leaves no hook behind."""
    before = logits(llama)
    with pytest.raises(InterruptedError), llama.plugged(make_memory(llama)):
        raise InterruptedError

    assert torch.equal(logits(llama), before)


class Fixed:
    """Opens every gate by the same amount onto the same value."""

    def __init__(self, gate: float, value: float) -> None:
        self.gate, self.value = gate, value

    def read(self, layer: int, query: Tensor) -> MemoryRead:
        return MemoryRead(
            torch.full_like(query, self.value), torch.full_like(query[..., 0], self.gate)
        )


def test_shut_gates_give_the_base_models_output(base: BaseModel) -> None:
    """With g = 0 the formula is the attention itself, whatever the memory holds."""
    with base.plugged(Fixed(gate=0.0, value=7.0)):
        shut = logits(base)

    assert torch.equal(shut, logits(base))


def test_mixed_output_is_the_papers_formula(base: BaseModel) -> None:
    """What the output projection gets is g·m + (1−g)·attention, element by element."""
    attention_module = next(m for m in base.model.modules() if hasattr(m, "o_proj"))
    seen: list[Tensor] = []

    def watch(_module: object, args: tuple[Tensor, ...]) -> None:
        seen.append(args[0])

    with attention_module.o_proj.register_forward_pre_hook(watch):
        logits(base)
    with (
        base.plugged(Fixed(gate=0.25, value=3.0)),
        attention_module.o_proj.register_forward_pre_hook(watch),
    ):
        logits(base)

    torch.testing.assert_close(seen[1], 0.25 * 3.0 + 0.75 * seen[0])


def test_memory_reads_the_query_before_the_rotary_step(base: BaseModel) -> None:
    """The same tokens at other positions ask the memory the same questions in the first layer."""
    queries: list[Tensor] = []

    class Listener(Fixed):
        def read(self, layer: int, query: Tensor) -> MemoryRead:
            if layer == 0:
                queries.append(query)
            return super().read(layer, query)

    with base.plugged(Listener(gate=0.0, value=0.0)), torch.no_grad():
        base.model(IDS)
        base.model(IDS, position_ids=torch.arange(1000, 1000 + IDS.shape[1])[None])

    assert queries[0].shape == (1, IDS.shape[1], *base.shapes[0])
    assert torch.equal(queries[0], queries[1])


def test_untrained_gates_start_almost_shut(base: BaseModel) -> None:
    """sigmoid(3(x − 1)) at x ≈ 0 is 0.047: an untrained memory hardly speaks."""
    memory = GatedMemory.initialised(base.shapes, 2, torch.Generator().manual_seed(0))
    with base.plugged(memory) as trace, torch.no_grad():
        base.model(IDS)

    assert trace.last_position_share().item() == pytest.approx(0.0474, abs=0.02)


def test_gates_lie_between_0_and_1(base: BaseModel, make_memory: MakeMemory) -> None:
    """However large the weights, a gate is a share."""
    with base.plugged(make_memory(base)) as trace, torch.no_grad():
        base.model(IDS)
    gates = torch.stack(list(trace.gates.values()))

    assert gates.min() >= 0
    assert gates.max() <= 1


def test_the_same_seed_gives_the_same_weights(llama: BaseModel) -> None:
    """Initial weights come from the generator alone."""
    first, second = (
        GatedMemory.initialised(llama.shapes, 2, torch.Generator().manual_seed(3)) for _ in range(2)
    )

    assert all(
        torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True)
    )


def test_llama_3_8b_memory_has_the_papers_size() -> None:
    """32 layers of 32 heads of 128: 68.6 million parameters."""
    shapes = [HeadShape(32, 128)] * 32

    assert sum(_size(shape) for shape in tensor_shapes(shapes, 2).values()) == 68_561_920


def _size(shape: tuple[int, ...]) -> int:
    return int(torch.Size(shape).numel())


def test_only_the_memory_gets_gradients(base: BaseModel, make_memory: MakeMemory) -> None:
    """The base model is frozen: training cannot change it."""
    memory = make_memory(base)
    with base.plugged(memory):
        base.model(IDS).logits.sum().backward()

    assert all(parameter.grad is not None for parameter in memory.parameters())
    assert all(parameter.grad is None for parameter in base.model.parameters())
