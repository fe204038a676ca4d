"""Decoding: token by token for a batch of prompts, with whatever rule chooses the tokens.

Knows token ids only. A plugged memory is seen through its gate trace.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from app.lift.base_model import BaseModel
from app.lift.memory import GateTrace

Chooser = Callable[[Tensor], list[int]]
"""Picks each row's next token from logits [B, vocabulary]."""


class Step(NamedTuple):
    """One decoded token for each row."""

    tokens: list[int]
    memory_shares: list[float] | None
    """Mean gate over layers and heads where the token was predicted; None without a memory."""
    logits: Tensor
    """What each was chosen from, [B, vocabulary] in float32."""


def greedy(logits: Tensor) -> list[int]:
    """Choose the likeliest tokens."""
    tokens: list[int] = logits.argmax(-1).tolist()
    return tokens


def decode(
    base: BaseModel,
    prompts: Sequence[Sequence[int]],
    choose: Chooser = greedy,
    trace: GateTrace | None = None,
) -> Iterator[Step]:
    """Yield the next token of every row, without end; the caller decides where a row stops.

    Prompts of different lengths are padded on the left, which no row sees.
    """
    ids, mask = _left_padded(base, prompts)  # [B, T]
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    cache: Any = None
    while True:
        logits, cache = _forward(base, ids, mask, positions, cache)  # [B, vocabulary]
        tokens = choose(logits)
        shares = None if trace is None else trace.last_position_share().tolist()
        yield Step(tokens, shares, logits)
        ids = torch.tensor(tokens, device=base.device)[:, None]
        mask = torch.cat([mask, torch.ones_like(ids)], dim=-1)
        positions = positions[:, -1:] + 1


def generate(
    base: BaseModel,
    prompts: Sequence[Sequence[int]],
    max_tokens: int,
    choose: Chooser = greedy,
    stop_ids: frozenset[int] | None = None,
) -> list[list[int]]:
    """Return each prompt's continuation, without the token that stopped it."""
    stops = base.stop_ids if stop_ids is None else stop_ids
    replies: list[list[int]] = [[] for _ in prompts]
    running = set(range(len(prompts)))
    for _, step in zip(range(max_tokens), decode(base, prompts, choose), strict=False):
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
