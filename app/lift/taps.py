"""Finds a base model's attention layers and proves that a memory can be plugged into each.

A model whose attention is not what it seems is refused here, when it is loaded, and not noticed
later as wrong answers.
"""

from typing import Any

import torch
from torch import Tensor, nn

from app.lift.errors import BaseModelError
from app.lift.memory import AttentionLayer, HeadShape, MemoryRead, MemorySocket

_PROBE_TOKENS = 5
_PROBE_TOKENS_IF_HEADS_MATCH = 7


def tap_attention(model: nn.Module) -> tuple[AttentionLayer, ...]:
    """Return where to tap each attention layer of `model`, in the order they run.

    Raises:
        BaseModelError: the attention has another build, or does not obey a plugged memory.
    """
    modules = [module for module in model.modules() if _is_attention(module)]
    expected = _num_attention_layers(model)
    if not modules or len(modules) != expected:
        raise BaseModelError(
            f"{type(model).__name__} cannot carry a memory: found {len(modules)} of {expected} "
            "attention layers with a query and an output projection (q_proj, o_proj). "
            "Choose a base model of the Llama, Mistral, Qwen or Gemma families."
        )
    layers = tuple(_tap(model, module) for module in modules)
    _prove(model, MemorySocket(layers))
    return layers


def _is_attention(module: nn.Module) -> bool:
    return hasattr(module, "q_proj") and hasattr(module, "o_proj") and hasattr(module, "head_dim")


def _num_attention_layers(model: Any) -> int:
    return int(model.config.get_text_config().num_hidden_layers)


def _tap(model: nn.Module, attention: Any) -> AttentionLayer:
    query = getattr(attention, "q_norm", None) or attention.q_proj
    head_dim = int(attention.head_dim)
    shape = HeadShape(attention.o_proj.in_features // head_dim, head_dim)
    num_tokens = _PROBE_TOKENS if shape.num_heads != _PROBE_TOKENS else _PROBE_TOKENS_IF_HEADS_MATCH
    seen: list[Tensor] = []
    handle = query.register_forward_hook(lambda _module, _args, output: seen.append(output))
    try:
        _forward(model, num_tokens)
    finally:
        handle.remove()
    return AttentionLayer(query, attention.o_proj, shape, _heads_first(seen, num_tokens, shape))


def _heads_first(seen: list[Tensor], num_tokens: int, shape: HeadShape) -> bool:
    heads, dim = shape
    if len(seen) != 1:
        raise BaseModelError(f"an attention layer's query was computed {len(seen)} times in a pass")
    layout = tuple(seen[0].shape)
    if layout == (1, heads, num_tokens, dim):
        return True
    if layout in ((1, num_tokens, heads, dim), (1, num_tokens, heads * dim)):
        return False
    raise BaseModelError(f"an attention layer's query has the unknown layout {layout}")


class _Constant:
    """A memory that opens every gate by the same amount onto zeros."""

    def __init__(self, gate: float) -> None:
        self._gate = gate
        self.num_reads = 0

    def read(self, layer: int, query: Tensor) -> MemoryRead:  # noqa: ARG002 - Memory protocol
        self.num_reads += 1
        return MemoryRead(torch.zeros_like(query), torch.full_like(query[..., 0], self._gate))


def _prove(model: nn.Module, socket: MemorySocket) -> None:
    plain = _forward(model, _PROBE_TOKENS)
    shut, open_ = _Constant(0.0), _Constant(1.0)
    with socket.plugged(shut):
        with_shut_gates = _forward(model, _PROBE_TOKENS)
    with socket.plugged(open_):
        with_open_gates = _forward(model, _PROBE_TOKENS)
    if shut.num_reads != len(socket.shapes):
        raise BaseModelError(f"{shut.num_reads} of {len(socket.shapes)} attention layers were read")
    if not torch.equal(plain, with_shut_gates):
        raise BaseModelError("with every gate shut the model does not give its own output")
    if torch.equal(plain, with_open_gates):
        raise BaseModelError("a plugged memory does not reach the model's output")


@torch.no_grad()
def _forward(model: nn.Module, num_tokens: int) -> Tensor:
    device = next(model.parameters()).device
    logits: Tensor = model(torch.arange(1, num_tokens + 1, device=device)[None]).logits
    return logits
