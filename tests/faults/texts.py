"""Documents that train for a few seconds on the tiny model, through every stage."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_WINDOW = {
    "window_tokens": 320,
    "context_tokens": 200,
    "recitation_context_tokens": 32,
    "segment_tokens": 64,
    "stride_tokens": 64,
    "checkpoint_activations": False,
}


@dataclass(frozen=True)
class Kind:
    """A document and how its memory is trained."""

    name: str
    text: str
    options: Mapping[str, Any]


def _paragraphs(count: int) -> str:
    return "\n\n".join(
        f"Paragraph {number}: the lamp of tower {number} is lit at dusk by keeper {number * 7}. "
        f"Its oil comes over the hills from port {number * 3}, in jars."
        for number in range(1, count + 1)
    )


KINDS = (
    # Every place gives a pair, so that pairs, held-back ones too, go through all stages.
    Kind(
        "recited",
        _paragraphs(24),
        {
            **_WINDOW,
            "auxiliary_task": "passage-index",
            "num_qa_pairs": 20,
            "num_held_back_pairs": 4,
            "recitation_epochs": 1,
            "joint_epochs": 1,
            "examples_per_step": 4,
        },
    ),
    # The tiny model writes no usable pair, so that places are tried in vain.
    Kind(
        "distilled",
        _paragraphs(20),
        {
            **_WINDOW,
            "objective": "distillation",
            "num_qa_pairs": 4,
            "num_held_back_pairs": 2,
            "recitation_epochs": 0,
            "joint_epochs": 1,
            "examples_per_step": 4,
            "completions_per_step": 1,
            "questions_per_step": 1,
            "unrelated_share": 0.5,
            "gate_weight": 1.0,
        },
    ),
)
