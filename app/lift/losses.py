"""The loss of one row: the examples' own, and what the gates are to learn beside them."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, relu

from app.lift.base_model import BaseModel
from app.lift.examples import ExampleGroup
from app.lift.memory import GateTrace
from app.lift.packing import pack, row_on, supervised_logits
from app.lift.teacher import SoftTargets, divergence, log_shift

OPEN_GATE = 0.08
"""What every gate is to reach over a reply where the document is asked about."""
SHUT_GATE = 0.001
"""What a gate is to fall to where it is not."""
SHIFT_WEIGHT = 1.0
"""Weight of the shift of log-probabilities beside the divergence, on unrelated text."""
_TINY = 1e-9


def example_losses(
    base: BaseModel, group: ExampleGroup, targets: Sequence[SoftTargets] = ()
) -> Tensor:
    """Return each example's mean loss over its supervised tokens, in nats, float32, [examples].

    `targets` are for the last examples, whose loss is the divergence from them; the others' is the
    cross-entropy of their words.
    """
    row = row_on(base, group)
    lengths = [len(example.target) for example in group.examples]
    logits = torch.split(supervised_logits(base, row), lengths)  # [n, vocabulary] each
    num_plain = len(lengths) - len(targets)
    plain = zip(logits[:num_plain], torch.split(row.labels, lengths)[:num_plain], strict=True)
    taught = zip(logits[num_plain:], targets, strict=True)
    losses = [cross_entropy(*each) for each in plain]
    return torch.stack(losses + [divergence(*each).mean() for each in taught])


def disturbance(base: BaseModel, group: ExampleGroup, targets: Sequence[SoftTargets]) -> Tensor:
    """Return how far a plugged memory moves the model on a group from `targets`, in nats, a scalar.

    Mean over the supervised tokens of the divergence plus the weighted shift of log-probabilities.
    """
    logits = supervised_logits(base, row_on(base, group))
    whole = SoftTargets(*map(torch.cat, zip(*targets, strict=True)))
    moved = divergence(logits, whole) + SHIFT_WEIGHT * log_shift(logits, whole)
    return moved.mean()


def gate_loss(trace: GateTrace, group: ExampleGroup, *, is_unrelated: bool) -> Tensor:
    """Return how far the gates are from what they should be where replies are predicted, in nats.

    The mean over layers, heads and supervised tokens of how far log g lies above that of
    `SHUT_GATE` on unrelated text, or below that of `OPEN_GATE` on the document; a scalar.
    """
    where = pack(group).predictors
    logs = [torch.log(gate[0, where].float() + _TINY) for gate in trace.gates.values()]  # [N, H]
    if is_unrelated:
        return torch.stack([relu(log - math.log(SHUT_GATE)).mean() for log in logs]).mean()
    return torch.stack([relu(math.log(OPEN_GATE) - log).mean() for log in logs]).mean()
