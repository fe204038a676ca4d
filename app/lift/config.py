"""The method's settings. Knows numbers only: no torch, no model, no files.

The defaults are those of the paper (arXiv 2502.14644): Table 8 for Llama-3 with Gated Memory on
LooGLE. Where the paper is silent, the field says whose choice the default is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal, get_args

from pydantic import ConfigDict, with_config

MemoryKind = Literal["gated-memory", "lora", "pissa"]
QuestionStyle = Literal["general", "detailed", "detailed-brief"]
AuxiliaryTask = Literal["questions", "passage-index"]
Objective = Literal["next-token", "distillation"]
ALL_LINEAR = "all-linear"
"""The `lora_target_modules` that mean every linear layer of the decoder."""
LARGEST_LORA_NUMBER = 8192
"""Most that rank and alpha of LoRA and PiSSA may be."""
LEAST_LEARNING_RATE = 1e-12

_CHOICES = {
    "memory_kind": get_args(MemoryKind),
    "question_style": get_args(QuestionStyle),
    "auxiliary_task": get_args(AuxiliaryTask),
    "objective": get_args(Objective),
}
_ANY_COUNT = (1, 1_000_000)
_RANGES: Mapping[str, tuple[float, float]] = {
    "recitation_context_tokens": (0, 1_000_000),
    "recitations_per_context": (1, 64),
    "num_qa_pairs": (0, 10_000),
    "num_held_back_pairs": (0, 1_000),
    "qa_sentences": (1, 1_000),
    "qa_attempts": (1, 100),
    "memory_width_factor": (1, 8),
    "memory_init_scale": (0.0, 1_000.0),
    "lora_rank": (1, LARGEST_LORA_NUMBER),
    "lora_alpha": (1, LARGEST_LORA_NUMBER),
    "pissa_iterations": (1, 1_000),
    "recitation_epochs": (0, 1_000),
    "joint_epochs": (0, 1_000),
    "learning_rate": (LEAST_LEARNING_RATE, 10.0),
    "warmup_steps": (0, 1_000_000),
    "final_learning_rate_fraction": (0.0, 1.0),
    "weight_decay": (0.0, 10.0),
    "beta1": (0.0, 0.999999),
    "beta2": (0.0, 0.999999),
    "epsilon": (1e-30, 1.0),
    "max_gradient_norm": (1e-6, 1e6),
    "kept_change": (0.01, 1.0),
    "completions_per_step": (0, 64),
    "questions_per_step": (0, 64),
    "clozes_per_step": (0, 64),
    "context_share": (0.0, 1.0),
    "unrelated_share": (0.0, 1.0),
    "unrelated_weight": (0.0, 1e6),
    "gate_weight": (0.0, 1e6),
    "least_relatedness": (0.0, 1.0),
    "teacher_context_tokens": (0, 1_000_000),
    "teacher_top_k": (1, 1_000),
    "checkpoint_activations": (0, 1),
    "seed": (0, 2**63 - 1),
}
"""Least and most of each setting; beyond, a slip would keep a machine busy for years."""
_MOST_OVERLAP = 16


@with_config(ConfigDict(extra="forbid", strict=True))
@dataclass(frozen=True, slots=True)
class MethodConfig:
    """All that decides how a document becomes an adapter and how it is asked.

    Raises `ValueError` at construction when settings contradict each other.
    """

    segment_tokens: int = 2048
    """ℓ, length of one segment in tokens (section 3.1, Table 8)."""
    stride_tokens: int = 768
    """s, distance between the starts of neighbouring segments in tokens (section 3.1, Table 8)."""
    recitation_context_tokens: int = 4096
    """Length of the head-and-tail context in front of a segment (section 3.2); 0 trains without."""
    recitations_per_context: int = 1
    """Segments that share one drawn context; the paper draws anew for each segment."""

    num_qa_pairs: int = 10
    """Question/answer pairs written for a document (section 3.3, Table 8)."""
    num_held_back_pairs: int = 0
    """Pairs beyond those, never trained on: they measure the memory (the paper has none)."""
    qa_sentences: int = 16
    """Consecutive sentences that a question/answer pair is written from (appendix A)."""
    tokens_per_qa_pair: int | None = None
    """One more pair for so many tokens of the document, where that makes more than `num_qa_pairs`;
    None is the paper's fixed number."""
    question_style: QuestionStyle = "general"
    """What questions ask for, by kind of task (appendix B.1)."""
    auxiliary_task: AuxiliaryTask = "questions"
    """`passage-index` asks which paragraph a summary is of (LongBench's PassageRetrieval)."""
    qa_attempts: int = 5
    """Sentences tried for one pair before it is given up (the authors' code tries five times)."""

    memory_width_factor: int = 2
    """Inner width of the memory m as a multiple of the head size D (the authors' code)."""
    memory_init_scale: float = 1.0
    """Factor on the initial weights of m and g; 1 is the authors' choice, which keeps m near 0."""

    memory_kind: MemoryKind = "gated-memory"
    """What is trained: Gated Memory, or one of its rivals in the ablation (Tables 6 and 7)."""
    lora_rank: int | None = 128
    """Rank of LoRA and PiSSA (Table 8, PiSSA); None takes the one that trains as many parameters
    as Gated Memory, as nearly as whole ranks allow."""
    lora_alpha: int | None = None
    """What LoRA and PiSSA add is scaled by alpha over rank; None is alpha = rank (PiSSA's)."""
    lora_target_modules: str = ALL_LINEAR
    """Linear layers that LoRA and PiSSA adapt: their names with commas between (`q_proj,v_proj`),
    or `all-linear` (PiSSA's authors)."""
    pissa_iterations: int | None = None
    """Iterations of the fast decomposition that PiSSA starts from; None takes the exact one."""

    objective: Objective = "next-token"
    """`distillation` trains on short lessons with the base model as teacher (`lessons.py`)."""
    recitation_epochs: int = 3
    """Stage 1: epochs over the recitations (Table 8)."""
    joint_epochs: int = 5
    """Stage 2: epochs over recitations and question/answer pairs together (Table 8)."""
    examples_per_step: int | None = None
    """Examples of one optimiser step; None takes one step an epoch, over all (Table 8)."""
    learning_rate: float = 1e-3
    """Peak learning rate of AdamW (Table 8)."""
    warmup_steps: int = 0
    """Optimiser steps of linear warm-up (Table 8: none)."""
    final_learning_rate_fraction: float = 1.0
    """Learning rate of the last step over the peak, reached linearly; 1 is the paper's constant."""
    weight_decay: float = 1e-4
    """Decoupled weight decay of AdamW (Table 8)."""
    beta1: float = 0.9
    """First moment's decay of AdamW (Table 8)."""
    beta2: float = 0.98
    """Second moment's decay of AdamW (Table 8)."""
    epsilon: float = 1e-8
    """Denominator's floor of AdamW (Table 8)."""
    max_gradient_norm: float = 1.0
    """Gradient norm that a step is clipped to (Table 8)."""
    kept_change: float = 1.0
    """Share of what was learnt that the finished memory keeps: weights between those of a memory
    that says nothing and the trained ones (WiSE-FT, arXiv 2109.01903); 1 is the paper's."""
    completions_per_step: int = 0
    """Sentences of a joint step that are to be completed (objective distillation)."""
    questions_per_step: int = 0
    """Question/answer pairs of a joint step (objective distillation)."""
    clozes_per_step: int = 0
    """Sentences of a joint step that are asked for one gap each (objective distillation)."""
    context_share: float = 0.0
    """Share of steps whose lessons stand behind a context (objective distillation)."""
    unrelated_share: float = 0.0
    """Share of steps with a row of unrelated text beside them (objective distillation)."""
    unrelated_weight: float = 1.0
    """Weight of the unrelated row in a step's loss (objective distillation)."""
    gate_weight: float = 0.0
    """Weight of teaching the gates to open on the document and shut on unrelated text."""
    teacher_context_tokens: int = 0
    """Tokens around a pair's evidence that the base model is shown to teach the pair's answer; 0
    learns the answer word for word (objective distillation)."""
    teacher_top_k: int = 32
    """Likeliest tokens that a teacher's distribution is kept as, the rest being one."""
    checkpoint_activations: bool = True
    """Recompute activations in the backward pass: less memory, same gradients."""

    window_tokens: int = 8000
    """The prompt's limit when answering, in tokens (section 4.1)."""
    context_tokens: int = 7800
    """Most tokens of truncated context in a prompt; what is left holds the question."""
    least_relatedness: float = 0.0
    """How probably a question has to be about the document, by its words (`relevance.py`), for the
    memory to be read; others are answered without it. 0 reads it always (the paper)."""
    seed: int = 0
    """Seed of everything random in lifting a document."""

    def __post_init__(self) -> None:
        for field in fields(self):
            _require_in_range(field.name, getattr(self, field.name))
        for name, known in _CHOICES.items():
            chosen = getattr(self, name)
            _require(chosen in known, f"{name} must be one of {', '.join(known)}")
        _require(
            self.segment_tokens / _MOST_OVERLAP <= self.stride_tokens <= self.segment_tokens,
            "stride_tokens must not exceed segment_tokens, or text between segments would be lost, "
            f"nor be below a {_MOST_OVERLAP}th of it",
        )
        _require(
            self.context_tokens < self.window_tokens,
            "context_tokens must be below window_tokens: the question needs room",
        )
        _require(
            self.recitation_epochs + self.joint_epochs > 0,
            "recitation_epochs and joint_epochs must not both be 0",
        )
        _require(
            self.objective == "next-token" or (self.examples_per_step or 0) > self.others_per_step,
            "objective distillation needs an examples_per_step above completions_per_step, "
            "questions_per_step and clozes_per_step together: a step has to recite, too",
        )

    @property
    def others_per_step(self) -> int:
        """Lessons of a joint step that are no recitations (objective distillation)."""
        return self.completions_per_step + self.questions_per_step + self.clozes_per_step


def _require_in_range(name: str, value: float | bool | str | None) -> None:
    least, most = _RANGES.get(name, _ANY_COUNT)
    if isinstance(value, int | float):
        _require(least <= value <= most, f"{name} must be at least {least} and at most {most}")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)
