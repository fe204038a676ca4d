"""Where attention is tapped: the right tensor, in every family's way of giving it."""

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM

from app.lift.base_model import BaseModel
from app.lift.errors import BaseModelError
from app.lift.memory import HeadShape, MemoryRead
from app.lift.taps import find_attention
from tests.lift.conftest import cached_base
from tests.tiny import tiny_model

IDS = torch.arange(5, 25)[None]


class Listener:
    """A memory that only listens: notes the queries, and keeps its gates shut."""

    def __init__(self) -> None:
        self.queries: list[Tensor] = []

    def read(self, layer: int, query: Tensor) -> MemoryRead:
        self.queries.append(query)
        return MemoryRead(torch.zeros_like(query), torch.zeros_like(query[..., 0]))


@torch.no_grad()
def heard_and_given(base: BaseModel, giver: str) -> tuple[Tensor, Tensor]:
    """Return the first layer's query as a memory hears it, and what the named module gave."""
    attention = next(m for m in base.model.modules() if hasattr(m, "o_proj"))
    listener, given = Listener(), []
    note = getattr(attention, giver).register_forward_hook(lambda _m, _a, out: given.append(out))
    with note, base.plugged(listener):
        base.model(IDS)
    return listener.queries[0], given[0]


def test_a_fused_projection_gives_its_query_part() -> None:
    """Phi-3 computes query, key and value in one: the memory reads the first H·D features."""
    heard, given = heard_and_given(cached_base("phi3"), "qkv_proj")

    assert given.shape[-1] == (4 + 2 + 2) * 16
    assert torch.equal(heard.flatten(2), given[..., : 4 * 16])


@pytest.mark.parametrize("family", ["qwen3", "gemma3_text", "gemma3", "gemma4_text"])
def test_the_query_is_read_behind_its_norm_by_head(family: str) -> None:
    """Where each head's query is normed, the memory reads the normed one."""
    heard, given = heard_and_given(cached_base(family), "q_norm")

    assert sorted(given.shape) == sorted(heard.shape)
    assert torch.equal(heard, given if given.shape == heard.shape else given.transpose(1, 2))


def test_the_query_is_read_behind_a_norm_over_all_heads() -> None:
    """OLMo 2 norms the whole projection before it is cut into heads."""
    heard, given = heard_and_given(cached_base("olmo2"), "q_norm")

    assert torch.equal(heard.flatten(2), given)


def test_head_sizes_may_differ_between_layers() -> None:
    """Each layer's memory has that layer's shape."""
    assert cached_base("gemma4_text").shapes == (
        HeadShape(4, 16),
        HeadShape(4, 32),
        HeadShape(4, 32),
    )


def test_attention_that_a_text_does_not_pass_through_is_left_out() -> None:
    """A vision tower's attention may have the same names: only what runs is tapped."""
    model = tiny_model()
    own = [layer.self_attn for layer in model.model.layers]
    model.vision_tower = deepcopy(own[0])

    assert [layer.output for layer in find_attention(model)] == [each.o_proj for each in own]


_TWO_LAYERS = {
    "vocab_size": 259,
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
}
_GPT2 = {"n_layer": 2, "n_embd": 8, "n_head": 2, "vocab_size": 259}


@pytest.mark.parametrize(
    ("family", "settings", "told"),
    [
        pytest.param(
            "gpt2",
            {**_GPT2, "bos_token_id": 0, "eos_token_id": 1},
            r"GPT2LMHeadModel cannot .* found 0 of 2 .*q_proj",
            id="no query projection to tap",
        ),
        pytest.param(
            "recurrent_gemma",
            {**_TWO_LAYERS, "lru_width": 32, "block_types": ["recurrent", "attention"]},
            r"RecurrentGemmaForCausalLM .* found 1 of 2",
            id="a hybrid would hear a memory in some layers only",
        ),
        pytest.param(
            "gpt_oss",
            {**_TWO_LAYERS, "num_local_experts": 2, "num_experts_per_tok": 1},
            r"GptOssForCausalLM cannot .* sinks",
            id="sinks, which the engine's attention leaves out",
        ),
    ],
)
def test_a_family_that_cannot_carry_a_memory_is_refused(
    family: str, settings: dict[str, Any], told: str
) -> None:
    """The refusal names the class and what is the matter."""
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **settings))
    with pytest.raises(BaseModelError, match=told):
        find_attention(model)


def test_a_norm_that_serves_query_and_key_is_refused() -> None:
    """What is computed twice in a pass may be either."""
    model = tiny_model("qwen3")
    for layer in model.model.layers:
        layer.self_attn.k_norm = layer.self_attn.q_norm
    with pytest.raises(BaseModelError, match="query was computed 2 times"):
        find_attention(model)


def test_a_query_of_another_size_is_refused() -> None:
    """A query that is smaller than the heads together is not their query."""
    model = tiny_model()
    for layer in model.model.layers:
        layer.self_attn.q_norm = layer.self_attn.k_proj
    with pytest.raises(BaseModelError, match=r"unknown layout \(1, 5, 32\)"):
        find_attention(model)
