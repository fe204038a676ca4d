"""One forward pass over parts of many rows: packed one behind the other, each seeing itself alone.

The model's linear layers see N tokens in one row; attention takes them apart again. The model is
told to call us for attention while a pass runs, and is as it was afterwards.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from app.engine.keys_values import RowCache, Seen
from app.lift.base_model import BaseModel, Pluggable
from app.lift.memory import GateTrace

_NAME = "lift_packed"


@dataclass(frozen=True, slots=True)
class Part:
    """The next tokens of one row."""

    ids: Sequence[int]
    cache: RowCache
    slot: int | None = None
    """Of the row's memory in the bank; None reads none."""


class Span(NamedTuple):
    """Where a part lies among the N tokens."""

    start: int
    end: int
    slot: int | None


class Passed(NamedTuple):
    """What a pass gave for each part's last token."""

    logits: Tensor
    """[parts, vocabulary], float32."""
    shares: list[float] | None
    """Mean gate over layers and heads; None where nothing was plugged in."""


def spans_of(parts: Sequence[Part]) -> list[Span]:
    """Return where each part lies."""
    spans, start = list[Span](), 0
    for part in parts:
        spans.append(Span(start, start + len(part.ids), part.slot))
        start += len(part.ids)
    return spans


@torch.inference_mode()
def forward_packed(
    base: BaseModel, parts: Sequence[Part], memory: Pluggable | None = None
) -> Passed:
    """Read the parts' tokens behind what their rows have seen, and advance the rows.

    `memory` is read by all tokens; one that differs between rows finds them by `spans_of`.
    """
    spans = spans_of(parts)
    ids = [token for part in parts for token in part.ids]
    starts = [part.cache.num_tokens for part in parts]
    positions = [
        start + place
        for start, part in zip(starts, parts, strict=True)
        for place in range(len(part.ids))
    ]
    last = torch.tensor([span.end - 1 for span in spans], device=base.device)
    with _attending(base, _Pass(parts, spans)), _plugged(base, memory) as trace:
        output = base.model(
            input_ids=torch.tensor([ids], device=base.device),
            position_ids=torch.tensor([positions], device=base.device),
            use_cache=False,
            logits_to_keep=last,
        )
        shares = trace.share_at(last).tolist() if trace else None
    for part in parts:
        part.cache.advance(len(part.ids))
    return Passed(output.logits[0].float(), shares)


def _plugged(base: BaseModel, memory: Pluggable | None) -> AbstractContextManager[GateTrace | None]:
    return nullcontext() if memory is None else base.plugged(memory)


class _Pass(NamedTuple):
    parts: Sequence[Part]
    spans: Sequence[Span]


_current: ContextVar[_Pass] = ContextVar("pass")


@contextmanager
def _attending(base: BaseModel, current: _Pass) -> Iterator[None]:
    config: Any = base.decoder.config
    usual, token = config._attn_implementation, _current.set(current)
    config._attn_implementation = _NAME
    try:
        yield
    finally:
        config._attn_implementation = usual
        _current.reset(token)


def _attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    _mask: Tensor | None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attend for query [1, H, N, D] and key, value [1, K, N, D]; gives [1, N, H, D]."""
    layer: Any = module.layer_idx
    parts, spans = _current.get()
    attended = []
    for part, span in zip(parts, spans, strict=True):
        own = slice(span.start, span.end)
        seen = part.cache.extend(layer, Seen(key[0, :, own], value[0, :, own]))
        row = _attend_row(query[0, :, own], seen, scaling, sliding_window, softcap)
        attended.append(row.transpose(0, 1))  # [T, H, D]
    return torch.cat(attended).unsqueeze(0), None


def _attend_row(
    query: Tensor, seen: Seen, scaling: float | None, window: int | None, softcap: float | None
) -> Tensor:
    """Attend for a row's last tokens [H, T, D] to all that it has seen; gives [H, T, D]."""
    heads, num_new, dim = query.shape
    groups = heads // seen.keys.shape[0]
    if window and num_new == 1:
        seen = Seen(seen.keys[:, -window:], seen.values[:, -window:])
    mask = None if num_new == 1 else _visible(num_new, seen.keys.shape[1], window, query.device)
    grouped = query.reshape(-1, groups * num_new, dim)  # [K, H/K·T, D]: a key head's queries
    if mask is not None:
        mask = mask.repeat(groups, 1)  # [H/K·T, all T]
    scale = dim**-0.5 if scaling is None else scaling
    attended = (
        _capped_attention(grouped, seen, mask, scale, softcap)
        if softcap
        else scaled_dot_product_attention(grouped, *seen, attn_mask=mask, scale=scale)
    )
    return attended.reshape(heads, num_new, -1)


def _visible(num_new: int, num_seen: int, window: int | None, device: torch.device) -> Tensor:
    """Return which of the seen tokens each of the last ones sees, [new, seen]."""
    query = torch.arange(num_seen - num_new, num_seen, device=device)[:, None]
    key = torch.arange(num_seen, device=device)
    visible = key <= query
    return visible & (key > query - window) if window else visible


def _capped_attention(
    query: Tensor, seen: Seen, mask: Tensor | None, scale: float, softcap: float
) -> Tensor:
    scores = softcap * torch.tanh(query @ seen.keys.mT * scale / softcap)
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(-1, dtype=torch.float32).to(query.dtype) @ seen.values


AttentionInterface.register(_NAME, _attend)
