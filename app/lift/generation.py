"""Decoding: token by token for a batch of prompts, by argmax or by sampling.

Knows token ids only. A plugged memory is seen through its gate trace.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from app.lift.base_model import BaseModel
from app.lift.memory import GateTrace


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn. Argmax where this is not given."""

    temperature: float
    top_p: float
    generator: torch.Generator


class Step(NamedTuple):
    """One decoded token for each row."""

    tokens: list[int]
    memory_shares: list[float] | None
    """Mean gate over layers and heads where the token was predicted; None without a memory."""


def decode(
    base: BaseModel,
    prompts: Sequence[Sequence[int]],
    trace: GateTrace | None = None,
    sampling: Sampling | None = None,
) -> Iterator[Step]:
    """Yield the next token of every row, without end; the caller decides where a row stops.

    Prompts of different lengths are padded on the left, which no row sees.
    """
    ids, mask = _left_padded(base, prompts)  # [B, T]
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    cache: Any = None
    while True:
        logits, cache = _forward(base, ids, mask, positions, cache)  # [B, vocabulary]
        chosen = logits.argmax(-1) if sampling is None else _sample(logits, sampling)  # [B]
        shares = None if trace is None else trace.last_position_share().tolist()
        yield Step(chosen.tolist(), shares)
        ids = chosen[:, None]
        mask = torch.cat([mask, torch.ones_like(ids)], dim=-1)
        positions = positions[:, -1:] + 1


def generate(
    base: BaseModel,
    prompts: Sequence[Sequence[int]],
    max_tokens: int,
    sampling: Sampling | None = None,
    stop_ids: frozenset[int] | None = None,
) -> list[list[int]]:
    """Return each prompt's continuation, without the token that stopped it."""
    stops = base.stop_ids if stop_ids is None else stop_ids
    replies: list[list[int]] = [[] for _ in prompts]
    running = set(range(len(prompts)))
    steps = decode(base, prompts, sampling=sampling)
    for _, step in zip(range(max_tokens), steps, strict=False):
        running -= {row for row in running if step.tokens[row] in stops}
        for row in running:
            replies[row].append(step.tokens[row])
        if not running:
            break
    return replies


def _left_padded(base: BaseModel, prompts: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    longest = max(map(len, prompts))
    ids = torch.zeros(len(prompts), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, longest - len(prompt) :] = torch.tensor(prompt)
        mask[row, longest - len(prompt) :] = 1
    return ids.to(base.device), mask.to(base.device)


@torch.inference_mode()
def _forward(
    base: BaseModel, ids: Tensor, mask: Tensor, positions: Tensor, cache: Any
) -> tuple[Tensor, Any]:
    output = base.model(
        input_ids=ids,
        attention_mask=mask,
        position_ids=positions,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    )
    return output.logits[:, -1].float(), output.past_key_values


def _sample(logits: Tensor, sampling: Sampling) -> Tensor:
    probabilities = (logits / sampling.temperature).softmax(-1).cpu()
    ordered, order = probabilities.sort(-1, descending=True)
    outside = ordered.cumsum(-1) - ordered >= sampling.top_p
    kept = ordered.masked_fill(outside, 0.0)
    picked = torch.multinomial(kept, 1, generator=sampling.generator)  # [B, 1]
    return order.gather(-1, picked).squeeze(-1).to(logits.device)
