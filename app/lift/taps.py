"""Finds a base model's attention layers: where their query comes out, where their output goes in.

Knows names of modules, no model families; what it finds is only a guess until `probe.py` has
proved it.
"""

from collections.abc import Collection, Mapping
from contextlib import ExitStack
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from app.lift.errors import BaseModelError
from app.lift.memory import AttentionLayer, HeadShape

_QUERY_NAMES = ("q_norm", "q_proj", "qkv_proj")
"""What may give the query before the rotary step, the last to touch it first."""
_FIRST_ID = 100  # behind most vocabularies' special tokens
_FEWEST_TOKENS = 5


def find_attention(model: Any) -> tuple[AttentionLayer, ...]:
    """Return where each attention layer of `model` may be tapped, in the order they run.

    Attention that a text does not pass through, such as that of a vision tower, is left out.

    Raises:
        BaseModelError: not every layer has attention of a build that can be tapped.
    """
    candidates = [module for module in model.modules() if _is_attention(module)]
    num_tokens = _tokens_unlike_heads({_shape(each).num_heads for each in candidates})
    seen = _queries_in_running_order(model, candidates, num_tokens)
    expected = int(model.config.get_text_config().num_hidden_layers)
    if len(seen) != expected:
        raise BaseModelError(
            f"{type(model).__name__} cannot carry a memory: found {len(seen)} of {expected} "
            "attention layers with a query projection (q_proj or qkv_proj) and an output "
            "projection (o_proj). Choose a base model of a family that the README lists."
        )
    if any(hasattr(each, "sinks") for each in seen):
        raise BaseModelError(
            f"{type(model).__name__} cannot carry a memory: its attention has sinks, which are not "
            "computed here. Choose a base model of a family that the README lists."
        )
    return tuple(_layer(each, queries, num_tokens) for each, queries in seen.items())


def probe_ids(num_tokens: int, device: torch.device) -> Tensor:
    """Return a row of different tokens to try a model with, [1, T]."""
    return torch.arange(_FIRST_ID, _FIRST_ID + num_tokens, device=device)[None]


def _is_attention(module: nn.Module) -> bool:
    output = getattr(module, "o_proj", None)
    return (
        hasattr(module, "head_dim")
        and hasattr(output, "in_features")
        and any(hasattr(module, name) for name in _QUERY_NAMES)
    )


def _query_of(attention: nn.Module) -> nn.Module:
    named = (getattr(attention, name, None) for name in _QUERY_NAMES)
    query: nn.Module = next(module for module in named if module is not None)
    return query


def _shape(attention: Any) -> HeadShape:
    head_dim = int(attention.head_dim)
    return HeadShape(attention.o_proj.in_features // head_dim, head_dim)


def _tokens_unlike_heads(numbers_of_heads: Collection[int]) -> int:
    """Return a number of tokens that cannot be taken for a number of heads."""
    return next(number for number in count(_FEWEST_TOKENS) if number not in numbers_of_heads)


@torch.no_grad()
def _queries_in_running_order(
    model: Any, attentions: Collection[nn.Module], num_tokens: int
) -> Mapping[nn.Module, list[Tensor]]:
    seen: dict[nn.Module, list[Tensor]] = {}

    def watch(attention: nn.Module) -> RemovableHandle:
        def note(_module: nn.Module, _args: object, output: Tensor) -> None:
            seen.setdefault(attention, []).append(output)

        return _query_of(attention).register_forward_hook(note)

    with ExitStack() as hooks:
        for attention in attentions:
            hooks.enter_context(watch(attention))
        model(input_ids=probe_ids(num_tokens, model.device), use_cache=False)
    return seen


def _layer(attention: Any, queries: list[Tensor], num_tokens: int) -> AttentionLayer:
    if len(queries) != 1:
        raise BaseModelError(
            f"an attention layer's query was computed {len(queries)} times in a pass"
        )
    shape = _shape(attention)
    heads_first = _is_heads_first(tuple(queries[0].shape), num_tokens, shape)
    return AttentionLayer(_query_of(attention), attention.o_proj, shape, heads_first)


def _is_heads_first(layout: tuple[int, ...], num_tokens: int, shape: HeadShape) -> bool:
    heads, dim = shape
    if layout == (1, heads, num_tokens, dim):
        return True
    flat = layout[:-1] == (1, num_tokens) and layout[-1] >= heads * dim
    if flat or layout == (1, num_tokens, heads, dim):
        return False
    raise BaseModelError(f"an attention layer's query has the unknown layout {layout}")
