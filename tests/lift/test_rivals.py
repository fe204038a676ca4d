"""LoRA and PiSSA as kinds: the layers they adapt, their rank, their budget, what they refuse."""

from copy import deepcopy
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from app.lift.base_model import BaseModel
from app.lift.config import MethodConfig
from app.lift.errors import MemoryFormError
from app.lift.kinds import form_of, new_memory, num_trained_parameters
from app.lift.presets import PRESETS, resolve_method
from app.lift.rivals import adapted_layers, equal_budget_rank


def test_equal_budget_is_gated_memorys_as_nearly_as_whole_ranks_allow(base: BaseModel) -> None:
    """A rank more or less is further from Gated Memory's number of trained parameters."""
    gated = num_trained_parameters(base, MethodConfig())

    def distance(rank: int | None) -> int:
        method = MethodConfig(memory_kind="pissa", lora_rank=rank)
        return abs(num_trained_parameters(base, method) - gated)

    rank = equal_budget_rank(base, MethodConfig())

    assert distance(None) == distance(rank) <= min(distance(rank - 1), distance(rank + 1))


def test_equal_budget_of_the_tiny_llama_by_hand(llama: BaseModel) -> None:
    """3 layers · 4 heads · (2·16·32 + 16·4 + 4) against 3 · 608 a rank: 13,104 and 7 · 1,824."""
    method = MethodConfig(memory_kind="lora", lora_rank=None)

    assert num_trained_parameters(llama, MethodConfig()) == 13_104
    assert form_of(llama, method)["lora_rank"] == "7"
    assert num_trained_parameters(llama, method) == 12_768


def test_equal_budget_over_few_layers_has_a_rank(llama: BaseModel) -> None:
    """The budget is spent on the adapted layers, and the rank is at least one."""
    few = MethodConfig(memory_kind="lora", lora_rank=None, lora_target_modules="v_proj")

    assert equal_budget_rank(llama, few) == round(13_104 / (3 * 64))
    assert equal_budget_rank(replace_shapes(llama), few) == 1


def replace_shapes(base: BaseModel) -> BaseModel:
    return replace(base, socket=SimpleNamespace(shapes=()))  # type: ignore[arg-type]


def test_balanced_pissa_gives_the_same_lessons(llama: BaseModel) -> None:
    """The same lessons in as many steps train about as many numbers; half of the change is kept."""
    balanced, rival = PRESETS["balanced"], PRESETS["balanced-pissa"]
    named = ("memory_kind", "lora_rank", "learning_rate", "kept_change")
    own = {name: getattr(balanced, name) for name in named}

    assert rival.memory_kind == "pissa"
    assert replace(rival, **own) == balanced
    assert num_trained_parameters(llama, rival) == 12_768


def test_the_papers_pissa_is_the_paper_preset_with_four_options() -> None:
    """Table 8's PiSSA column; its rank is the default."""
    given = {
        "memory_kind": "pissa",
        "learning_rate": 3e-5,
        "recitation_epochs": 1,
        "joint_epochs": 3,
    }
    method = resolve_method("paper", given)

    without = replace(method, **{name: getattr(PRESETS["paper"], name) for name in given})

    assert (method.lora_rank, method.lora_alpha, method.pissa_iterations) == (128, None, None)
    assert without == PRESETS["paper"]


def test_only_the_named_layers_are_adapted(llama: BaseModel) -> None:
    """A list of names takes those in every layer of the decoder, and no others."""
    names = set(adapted_layers(llama, "q_proj,down_proj"))

    assert names == {
        f"layers.{layer}.{name}"
        for layer in range(3)
        for name in ("self_attn.q_proj", "mlp.down_proj")
    }
    assert len(adapted_layers(llama, "all-linear")) == 3 * 7


@pytest.mark.parametrize("targets", ["qkv_proj", "q_proj,", "q_proj, v_proj", "lm_head", ""])
def test_layers_that_the_base_model_has_not_are_refused(llama: BaseModel, targets: str) -> None:
    """The message names the layers there are."""
    told = r"lora_target_modules '.*': the linear layers of 'tiny-llama' are down_proj, .*v_proj"
    with pytest.raises(MemoryFormError, match=told):
        adapted_layers(llama, targets)


def test_a_base_model_without_linear_layers_is_refused(llama: BaseModel) -> None:
    """Such as GPT-2, whose layers are convolutions by their type."""
    bare = SimpleNamespace(get_decoder=lambda: nn.Sequential(nn.Conv1d(1, 1, 1)))
    with pytest.raises(MemoryFormError, match="choose memory_kind gated-memory"):
        adapted_layers(replace(llama, model=bare), "all-linear")


def test_pissa_beyond_the_layers_rank_is_refused(llama: BaseModel) -> None:
    """The paper's rank of 128 is more than the tiny model's layers have; LoRA takes any."""
    told = r"lora_rank '128' is more than pissa can have on 'tiny-llama', .* the rank 32"
    with pytest.raises(MemoryFormError, match=told):
        new_memory(llama, MethodConfig(memory_kind="pissa"))

    assert form_of(llama, MethodConfig(memory_kind="lora"))["lora_rank"] == "128"


def test_pissa_of_quantised_weights_is_refused_and_lora_is_not(llama: BaseModel) -> None:
    """Whole numbers have no principal part; LoRA needs the layers' sizes only."""
    quantised = replace(llama, model=deepcopy(llama.model))
    for layer in adapted_layers(quantised, "all-linear").values():
        layer.weight = nn.Parameter(torch.ones(7, dtype=torch.uint8), requires_grad=False)
    with pytest.raises(MemoryFormError, match=r"they are quantised: choose gated-memory"):
        new_memory(quantised, MethodConfig(memory_kind="pissa", lora_rank=4))

    assert same(
        new_memory(quantised, MethodConfig(memory_kind="lora", lora_rank=4)),
        new_memory(llama, MethodConfig(memory_kind="lora", lora_rank=4)),
    )


def test_fast_pissa_starts_near_the_exact_one(llama: BaseModel) -> None:
    """With iterations the product B₀A₀ is nearly the exact decomposition's, and as repeatable."""
    exact, fast, again = (
        new_memory(
            llama, MethodConfig(memory_kind="pissa", lora_rank=8, pissa_iterations=iterations)
        )
        for iterations in (None, 16, 16)
    )
    products = [dict(memory.named_buffers()) for memory in (exact, fast)]
    name = "layers.1.self_attn.q_proj"
    one, two = (each[f"{name}.up_start"] @ each[f"{name}.down_start"] for each in products)

    assert (one - two).norm() < 0.05 * one.norm()
    assert same(fast, again)


def same(first: nn.Module, second: nn.Module) -> bool:
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return all(torch.equal(one, other) for one, other in pairs)
