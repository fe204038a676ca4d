"""How a token is drawn from what the model thinks likely, and how likely it was."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from app.engine.answerer import Sampling

Draw = Callable[[Tensor], int]
"""Picks the next token from one row's logits [vocabulary]."""


def draw_by(sampling: Sampling) -> Draw:
    """Return how an answer's tokens are chosen; it has a generator of its own, always on the CPU.

    The same seed draws the same tokens from the same logits.
    """
    if sampling.temperature == 0:
        return likeliest
    generator = torch.Generator()
    if sampling.seed is None:
        generator.seed()
    else:
        generator.manual_seed(sampling.seed)

    def draw(logits: Tensor) -> int:
        probabilities = _probabilities(logits, sampling.temperature, sampling.top_p)
        return int(torch.multinomial(probabilities, 1, generator=generator))

    return draw


def likeliest(logits: Tensor) -> int:
    """Choose the likeliest token."""
    return int(logits.argmax())


def log_probabilities(
    logits: Tensor, token: int, num_likeliest: int
) -> tuple[float, Sequence[tuple[int, float]]]:
    """Return a token's log-probability, and the likeliest tokens with theirs, the best first."""
    found = logits.log_softmax(-1)
    values, tokens = found.topk(min(num_likeliest, len(found)))
    return float(found[token]), list(zip(tokens.tolist(), values.tolist(), strict=True))


def _probabilities(logits: Tensor, temperature: float, top_p: float) -> Tensor:
    """Return each token's chance: that of the likeliest, as few as have `top_p` together."""
    scaled = (logits - logits.max()).double().cpu() / temperature  # no temperature overflows
    probabilities = scaled.softmax(-1)
    if top_p >= 1:
        return probabilities
    sorted_down, order = probabilities.sort(descending=True, stable=True)
    before = sorted_down.cumsum(-1) - sorted_down
    return probabilities.index_fill(-1, order[before >= top_p], 0.0)
