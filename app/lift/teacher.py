"""The base model as teacher: what it says of a reply's tokens with the passage before its eyes.

Context distillation: the student, the same model with a memory and without the passage, learns the
teacher's distribution instead of single words.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import smooth_l1_loss

from app.lift.base_model import BaseModel
from app.lift.examples import ExampleGroup
from app.lift.packing import row_on, supervised_logits

_SMALL_SHIFT = 0.5  # in nats; below it the difference counts by its square
_MOST_CERTAIN = 1 - 1e-6  # keeps the logarithm of what is left finite


class SoftTargets(NamedTuple):
    """A distribution for each of N tokens, cut to its K likeliest and the rest as one."""

    ids: Tensor
    """[N, K], the likeliest tokens."""
    log_probabilities: Tensor
    """[N, K]."""
    log_rest: Tensor
    """[N], of all other tokens together."""
    label_ids: Tensor
    """[N], the tokens that do come."""
    label_log_probabilities: Tensor
    """[N]."""


class Teacher:
    """Reads groups with the unplugged base model, each once."""

    def __init__(self, base: BaseModel, top_k: int) -> None:
        self._base = base
        self._top_k = top_k
        self._known: dict[ExampleGroup, tuple[SoftTargets, ...]] = {}

    def targets(self, group: ExampleGroup) -> tuple[SoftTargets, ...]:
        """Return the targets of each example in a group; no memory may be plugged in."""
        if group not in self._known:
            self._known[group] = self._read(group)
        return self._known[group]

    @torch.no_grad()
    def _read(self, group: ExampleGroup) -> tuple[SoftTargets, ...]:
        row = row_on(self._base, group)
        said = supervised_logits(self._base, row).log_softmax(-1)  # [N, vocabulary]
        top = said.topk(min(self._top_k, said.shape[-1]))
        labelled = said.gather(-1, row.labels[:, None]).squeeze(-1)  # [N]
        whole = (top.indices, top.values, log_rest(top.values), row.labels, labelled)
        lengths = [len(example.target) for example in group.examples]
        return tuple(map(SoftTargets, *(torch.split(tensor, lengths) for tensor in whole)))


def divergence(logits: Tensor, targets: SoftTargets) -> Tensor:
    """Return the Kullback-Leibler divergence from the targets for logits [N, vocabulary], [N].

    Over the K tokens and the rest as one, so it is 0 where the distributions agree.
    """
    said = logits.log_softmax(-1).gather(-1, targets.ids)  # [N, K]
    known = targets.log_probabilities
    over_known = (known.exp() * (known - said)).sum(-1)  # [N]
    return over_known + targets.log_rest.exp() * (targets.log_rest - log_rest(said))


def log_shift(logits: Tensor, targets: SoftTargets) -> Tensor:
    """Return how far log-probabilities are moved from the targets' for logits [N, vocabulary], [N].

    A smooth absolute difference, of the tokens that come plus the mean over the K likeliest. The
    divergence weighs tokens by their probability: it hardly sees it when a right answer that was
    thought unlikely becomes ten times likelier, as by a change of manner.
    """
    said = logits.log_softmax(-1)
    moved = said.gather(-1, targets.ids) - targets.log_probabilities  # [N, K]
    label = said.gather(-1, targets.label_ids[:, None]).squeeze(-1)  # [N]
    return _smooth(label - targets.label_log_probabilities) + _smooth(moved).mean(-1)


def _smooth(difference: Tensor) -> Tensor:
    zero = torch.zeros_like(difference)
    return smooth_l1_loss(difference, zero, reduction="none", beta=_SMALL_SHIFT)


def log_rest(log_probabilities: Tensor) -> Tensor:
    """Return the log-probability of all that is not among [N, K] tokens, [N]."""
    covered = log_probabilities.exp().sum(-1).clamp(max=_MOST_CERTAIN)
    return torch.log1p(-covered)
