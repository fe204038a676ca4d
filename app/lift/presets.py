"""Named settings of the method, and settings with options laid over them.

`paper` and `paper-longbench-*` hold the paper's numbers (arXiv 2502.14644, Tables 8 and 9); the
others are our own.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter, ValidationError

from app.lift.config import MethodConfig


class UnknownPresetError(ValueError):
    """No preset has this name."""


class InvalidOptionError(ValueError):
    """A method option is unknown, of the wrong type, or contradicts another."""


_PAPER = MethodConfig()
_LONGBENCH_QA = replace(_PAPER, learning_rate=3e-3, warmup_steps=4)
_LONGBENCH_SUMMARY = replace(
    _PAPER, learning_rate=3e-3, num_qa_pairs=0, recitation_epochs=8, joint_epochs=0
)

_MANY_SMALL_STEPS = MethodConfig(
    recitation_context_tokens=256,
    num_held_back_pairs=4,
    qa_sentences=3,
    warmup_steps=10,
    final_learning_rate_fraction=0.05,
    checkpoint_activations=False,
)

_BALANCED = replace(
    _MANY_SMALL_STEPS,
    objective="distillation",
    segment_tokens=72,
    stride_tokens=72,
    window_tokens=1024,
    context_tokens=960,
    tokens_per_qa_pair=128,
    recitation_epochs=0,
    joint_epochs=3,
    examples_per_step=9,
    questions_per_step=2,
    clozes_per_step=4,
    context_share=0.4,
    learning_rate=5e-3,
    least_relatedness=0.85,
)

PRESETS: Mapping[str, MethodConfig] = MappingProxyType(
    {
        "paper": _PAPER,
        "paper-longbench-musique": replace(_LONGBENCH_QA, question_style="detailed-brief"),
        "paper-longbench-narrativeqa": replace(
            _LONGBENCH_QA, num_qa_pairs=30, question_style="detailed"
        ),
        "paper-longbench-qmsum": _LONGBENCH_SUMMARY,
        "paper-longbench-govreport": _LONGBENCH_SUMMARY,
        "paper-longbench-passageretrieval": replace(
            _LONGBENCH_QA, num_qa_pairs=60, auxiliary_task="passage-index"
        ),
        "balanced": _BALANCED,
        "balanced-pissa": replace(
            _BALANCED, memory_kind="pissa", lora_rank=None, learning_rate=1e-3, kept_change=0.5
        ),
        "quick": replace(
            _MANY_SMALL_STEPS,
            segment_tokens=128,
            stride_tokens=48,
            recitations_per_context=2,
            window_tokens=512,
            context_tokens=440,
            num_qa_pairs=8,
            recitation_epochs=1,
            joint_epochs=1,
            examples_per_step=2,
            learning_rate=5e-3,
        ),
    }
)
"""Named settings. `paper` is Table 8, `paper-longbench-*` Table 9. `balanced-pissa` was best when
measured: short lessons, a PiSSA that is drawn back half-way when they end, and a memory that only
related questions read. `balanced` gives the same lessons to a Gated Memory of as many numbers.
`quick` keeps the paper's proportions at a sixteenth of the length, for two CPU cores, in many small
steps."""

_method = TypeAdapter(MethodConfig)


def resolve_method(preset: str, options: Mapping[str, Any]) -> MethodConfig:
    """Return the settings of `preset` with `options` laid over them.

    Raises:
        UnknownPresetError: no such preset; the message lists those there are.
        InvalidOptionError: an option is unknown, of the wrong type, or contradicts another.
    """
    if preset not in PRESETS:
        raise UnknownPresetError(f"unknown preset {preset!r}; there are {', '.join(PRESETS)}")
    return lay_over(asdict(PRESETS[preset]), options)


def lay_over(settings: Mapping[str, Any], options: Mapping[str, Any]) -> MethodConfig:
    """Return settings with `options` laid over them.

    Raises:
        InvalidOptionError: an option is unknown, of the wrong type, or contradicts another.
    """
    try:
        return _method.validate_json(json.dumps(dict(settings) | dict(options)))
    except ValidationError as error:
        raise InvalidOptionError(_first_problem(error)) from error


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    name = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "unexpected_keyword_argument":
        known = ", ".join(asdict(PRESETS["paper"]))
        return f"unknown option {name!r}; known are {known}"
    message = problem["msg"].removeprefix("Value error, ")
    return f"option {name}: {message}" if name else message
