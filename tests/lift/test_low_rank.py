"""LoRA and PiSSA beside the base model: the identities of a hot swap, and peft's own results."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from app.lift.base_model import BaseModel
from app.lift.config import MethodConfig
from app.lift.kinds import new_memory
from app.lift.low_rank import LoraPair, LowRankMemory, PissaPair
from tests.lift.conftest import cached_base

MakeLowRank = Callable[..., LowRankMemory]
KINDS = ("lora", "pissa")
IDS = torch.arange(5, 45)[None]
RANK, ALPHA = 8, 16


@torch.no_grad()
def logits(base: BaseModel) -> Tensor:
    output: Tensor = base.model(IDS).logits
    return output


@torch.no_grad()
def logits_with(base: BaseModel, memory: LowRankMemory) -> Tensor:
    with base.plugged(memory):
        return logits(base)


def untrained(base: BaseModel, kind: str, seed: int = 0) -> LowRankMemory:
    method = MethodConfig(memory_kind=kind, lora_rank=RANK, lora_alpha=ALPHA, seed=seed)
    memory = new_memory(base, method)
    assert isinstance(memory, LowRankMemory)
    return memory


@pytest.fixture(params=["llama", "phi3"])
def family_base(request: pytest.FixtureRequest) -> BaseModel:
    """A base model with single projections, and one with fused ones."""
    return cached_base(request.param)


@pytest.mark.parametrize("kind", KINDS)
def test_untrained_memory_adds_nothing(family_base: BaseModel, kind: str) -> None:
    """Both rivals start at the base model's own output, PiSSA too, with its weights unedited."""
    untrained_logits = logits_with(family_base, untrained(family_base, kind))

    assert torch.equal(untrained_logits, logits(family_base))


@pytest.mark.parametrize("kind", KINDS)
def test_unplugged_model_is_the_base_model_bit_for_bit(
    family_base: BaseModel, kind: str, make_low_rank: MakeLowRank
) -> None:
    """After a trained rival was plugged in and out, logits and weights are those of before."""
    before, weights = logits(family_base), deepcopy(family_base.model.state_dict())
    plugged = logits_with(family_base, make_low_rank(family_base, kind))

    assert not torch.allclose(plugged, before, atol=1e-3)
    assert torch.equal(logits(family_base), before)
    torch.testing.assert_close(family_base.model.state_dict(), weights, rtol=0, atol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_memory_is_unplugged_when_the_block_fails(
    llama: BaseModel, kind: str, make_low_rank: MakeLowRank
) -> None:
    """An exception inside the block leaves no hook behind."""
    before = logits(llama)
    with pytest.raises(InterruptedError), llama.plugged(make_low_rank(llama, kind)):
        raise InterruptedError

    assert torch.equal(logits(llama), before)


def test_swapping_between_kinds_gives_each_its_own_output(
    base: BaseModel,
    make_low_rank: MakeLowRank,
    make_memory: Callable[..., nn.Module],
) -> None:
    """In every family: LoRA, PiSSA, Gated Memory, twice; bit for bit the same, no two alike."""
    memories: list[Any] = [
        make_low_rank(base, "lora"),
        make_low_rank(base, "pissa"),
        make_memory(base),
    ]
    first = [logits_with(base, memory) for memory in memories]
    second = [logits_with(base, memory) for memory in memories]

    assert all(map(torch.equal, first, second))
    assert not any(torch.equal(first[index], first[index - 1]) for index in range(3))


PEFT_USES_OLD_NAMES = pytest.mark.filterwarnings(
    "ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"
)


class Peft:
    """A copy of a base model with peft's own adapter; PiSSA's has written the copy's weights."""

    def __init__(self, base: BaseModel, kind: str) -> None:
        config = LoraConfig(
            r=RANK,
            lora_alpha=ALPHA,
            target_modules="all-linear",
            init_lora_weights="pissa" if kind == "pissa" else True,
        )
        self.model = get_peft_model(deepcopy(base.model), config)
        named = self.model.named_parameters()
        self.weights = {_our_name(name): weight for name, weight in named if weight.requires_grad}


def _our_name(name: str) -> str:
    inside = name.removeprefix("base_model.model.model.").removesuffix(".default.weight")
    return inside.replace("lora_A", "down").replace("lora_B", "up")


@PEFT_USES_OLD_NAMES
def test_pissa_starts_where_peft_starts(family_base: BaseModel) -> None:
    """A₀ and B₀ of every linear layer are peft's."""
    ours = dict(untrained(family_base, "pissa").named_buffers())
    theirs = Peft(family_base, "pissa").weights

    assert {name.removesuffix("_start") for name in ours} == set(theirs)
    for name, start in ours.items():
        torch.testing.assert_close(start, theirs[name.removesuffix("_start")].data)


@PEFT_USES_OLD_NAMES
@pytest.mark.parametrize("kind", KINDS)
def test_rival_computes_what_peft_computes(family_base: BaseModel, kind: str) -> None:
    """With A and B moved alike, the logits and every matrix's gradient are peft's."""
    memory, peft = untrained(family_base, kind), Peft(family_base, kind)
    move_alike(memory, peft)
    with family_base.plugged(memory):
        ours = next_token_loss(family_base.model)
    theirs = next_token_loss(peft.model)

    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(ours, logits(family_base), atol=1e-2)
    for name, weight in memory.named_parameters():
        expected = peft.weights[name.removesuffix("_change")].grad
        assert (weight.grad - expected).norm() < 1e-3 * expected.norm(), name


@PEFT_USES_OLD_NAMES
@pytest.mark.parametrize("kind", KINDS)
def test_rival_trains_as_peft_trains(family_base: BaseModel, kind: str) -> None:
    """Ten steps of the paper's AdamW lead to peft's logits, weight decay included."""
    memory, peft = untrained(family_base, kind), Peft(family_base, kind)
    if kind == "lora":  # its A is random
        move_alike(memory, peft)
    with family_base.plugged(memory):
        ours = train(family_base.model, list(memory.parameters()))
    theirs = train(peft.model, list(peft.weights.values()))

    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)
    assert not torch.allclose(ours, logits(family_base), atol=1e-2)


def move_alike(memory: LowRankMemory, peft: Peft) -> None:
    """Move all trained weights at random, and peft's to the same place."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, weight in memory.named_parameters():
            weight += torch.randn(weight.shape, generator=generator) * 0.05
            start = dict(memory.named_buffers()).get(name.replace("_change", "_start"), 0)
            peft.weights[name.removesuffix("_change")].copy_(weight + start)


def next_token_loss(model: Any) -> Tensor:
    """Go backward from the loss of predicting IDS; return the logits."""
    output: Tensor = model(input_ids=IDS).logits
    cross_entropy(output[0, :-1], IDS[0, 1:]).backward()
    return output.detach()


def train(model: Any, weights: list[nn.Parameter]) -> Tensor:
    optimizer = torch.optim.AdamW(weights, lr=1e-3, betas=(0.9, 0.98), weight_decay=1e-4)
    for _ in range(10):
        optimizer.zero_grad()
        next_token_loss(model)
        optimizer.step()
    with torch.no_grad():
        output: Tensor = model(input_ids=IDS).logits
    return output


@pytest.mark.parametrize("seed", [0, 1])
def test_pissa_keeps_small_changes_in_bfloat16(seed: int) -> None:
    """What a change of 1e-5 adds survives where BA and B₀A₀ would be rounded to the same."""
    generator = torch.Generator().manual_seed(seed)
    pair = PissaPair(nn.Linear(64, 48), rank=16, scale=1.0)
    hidden = torch.randn(1, 5, 64, generator=generator)
    with torch.no_grad():
        pair.start_from(
            torch.randn(16, 64, generator=generator), torch.randn(48, 16, generator=generator)
        )
        for change in (pair.down_change, pair.up_change):
            change.copy_(torch.randn(change.shape, generator=generator) * 1e-5)
        exact, rounded = pair(hidden), pair.bfloat16()(hidden.bfloat16()).float()

    assert (rounded - exact).norm() < 0.02 * exact.norm()


def test_pair_works_in_the_layers_dtype() -> None:
    """Trained weights stay in float32 beside a bfloat16 model, and what is added is bfloat16."""
    pair = LoraPair(nn.Linear(8, 4), rank=2, scale=1.0)

    assert pair(torch.ones(1, 3, 8, dtype=torch.bfloat16)).dtype == torch.bfloat16
    assert pair.down.dtype == torch.float32


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("dtype", "most"), [(torch.float32, 1e-6), (torch.bfloat16, 0.02)])
def test_folded_memory_adds_the_same(
    llama: BaseModel, make_low_rank: MakeLowRank, kind: str, dtype: torch.dtype, most: float
) -> None:
    """Two products a layer instead of four; in half precision, too, small changes are not lost."""
    memory = make_low_rank(llama, kind).to(dtype)
    folded = memory.folded()
    generator = torch.Generator().manual_seed(1)

    assert folded.pairs.keys() == memory.pairs.keys()
    for name, pair in memory.pairs.items():
        layer = llama.decoder.get_submodule(name)
        hidden = torch.randn(1, 5, layer.in_features, generator=generator).to(dtype)  # type: ignore[arg-type]
        exact = deepcopy(pair).double()(hidden.double())
        added = folded.pairs[name](hidden).double()
        assert (added - exact).norm() < most * exact.norm()
