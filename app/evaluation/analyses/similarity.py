"""How near a memory brings attention to what the full context gives (paper, Figure 6).

For each question the answer's tokens are predicted three times: over the whole document, over the
truncated context, and over the truncated context with the memory. Compared are the heads' attention
outputs at the positions that predict the answer.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from app.evaluation.analyses.attention import kept_attention
from app.evaluation.analyses.errors import AnalysisError
from app.evaluation.analyses.subject import Asked, Subject
from app.lift.base_model import Pluggable
from app.lift.examples import Example, ExampleGroup
from app.lift.losses import example_losses
from app.lift.packing import pack
from app.lift.prompts import GAP, Prompt, answer_ids, answering_context, question_prompt
from app.lift.segments import shown_spans

FULL = "full context"
TRUNCATED = "truncated context"
WITH_MEMORY = "truncated context + memory"
WITH_OTHER_MEMORY = "truncated context + another memory"
_QUESTIONS_PER_PASS = 16  # bounds the mask of a pass over a long document


class Outputs(NamedTuple):
    """What one pass over a context gave."""

    layers: list[Tensor]
    """[N, H, D] for each layer, at the N positions that predict answers' tokens."""
    losses: Tensor
    """Mean negative log-likelihood per token of each gold answer, in nats, [questions]."""


@dataclass(frozen=True, slots=True)
class Similarity:
    """Cosine similarity to the full context, by condition."""

    asked: tuple[Asked, ...]
    cosines: Mapping[str, list[list[float]]]
    """Condition → [layers][questions]: the mean over heads and over the answer's positions."""
    log_likelihoods: Mapping[str, list[float]]
    """Condition (the full context, too) → each gold answer's, in nats a token."""
    cut_tokens: int
    """Tokens of the document that the truncated context leaves out."""


def measure_similarity(
    subject: Subject,
    asked: Sequence[Asked],
    other_memory: Pluggable | None = None,
    tell: Callable[[str], None] = lambda _words: None,
) -> Similarity:
    """Compare the subject's attention with the full context's, without memory and with it.

    `other_memory` (another document's) adds a control: what any memory does to attention.
    `tell` hears what is being read.

    Raises:
        AnalysisError: there is no question, or the base model cannot read the whole document.
    """
    if not asked:
        raise AnalysisError("no question was given: there is nothing to compare at")
    _require_room(subject, asked)
    tell(f"reading over the {FULL}")
    reference = attention_outputs(subject, asked, len(subject.tokens), None)
    memories = {TRUNCATED: None, WITH_MEMORY: subject.memory}
    if other_memory is not None:
        memories[WITH_OTHER_MEMORY] = other_memory
    cosines, losses = {}, {FULL: reference.losses}
    for name, memory in memories.items():
        tell(f"reading over the {name}")
        outputs = attention_outputs(subject, asked, subject.method.context_tokens, memory)
        cosines[name] = _cosines(outputs.layers, reference.layers, _lengths(subject, asked))
        losses[name] = outputs.losses
    likely = {name: (-each).tolist() for name, each in losses.items()}
    return Similarity(tuple(asked), cosines, likely, _num_cut(subject))


@torch.no_grad()
def attention_outputs(
    subject: Subject, asked: Sequence[Asked], context_tokens: int, memory: Pluggable | None
) -> Outputs:
    """Read the gold answers over at most `context_tokens` of context, some questions at a time."""
    passes = [
        _one_pass(subject, asked[start : start + _QUESTIONS_PER_PASS], context_tokens, memory)
        for start in range(0, len(asked), _QUESTIONS_PER_PASS)
    ]
    layers = zip(*(each.layers for each in passes), strict=True)
    return Outputs(
        [torch.cat(parts) for parts in layers], torch.cat([each.losses for each in passes])
    )


def _one_pass(
    subject: Subject, asked: Sequence[Asked], context_tokens: int, memory: Pluggable | None
) -> Outputs:
    base = subject.base
    prompts = _prompts(subject, asked, context_tokens)
    examples = tuple(
        Example(prompt.request, answer_ids(base, each.answer))
        for prompt, each in zip(prompts, asked, strict=True)
    )
    group = ExampleGroup(prompts[0].prefix, examples)
    predictors = pack(group).predictors.to(base.device)
    plugged = nullcontext() if memory is None else base.plugged(memory)
    with plugged, kept_attention(base, predictors) as kept:
        losses = example_losses(base, group)
    return Outputs([kept[index] for index in sorted(kept)], losses)


def _prompts(subject: Subject, asked: Sequence[Asked], context_tokens: int) -> list[Prompt]:
    context = answering_context(subject.base, subject.tokens, context_tokens)
    return [question_prompt(subject.base, context, each.question) for each in asked]


def _lengths(subject: Subject, asked: Sequence[Asked]) -> list[int]:
    return [len(answer_ids(subject.base, each.answer)) for each in asked]


def _cosines(
    outputs: Sequence[Tensor], reference: Sequence[Tensor], lengths: Sequence[int]
) -> list[list[float]]:
    """Return the mean cosine over heads and positions, [layers][questions]."""
    found = []
    for ours, full in zip(outputs, reference, strict=True):
        by_position = cosine_similarity(ours, full, dim=-1).mean(-1)  # [N]
        found.append([piece.mean().item() for piece in torch.split(by_position, list(lengths))])
    return found


def _num_cut(subject: Subject) -> int:
    num_tokens, gap = len(subject.tokens), len(subject.base.tokenize(GAP))
    head, tail = shown_spans(num_tokens, subject.method.context_tokens, gap)
    return num_tokens - head - tail


def _require_room(subject: Subject, asked: Sequence[Asked]) -> None:
    prompts = _prompts(subject, asked, len(subject.tokens))
    answers = _lengths(subject, asked)
    needed = max(len(p.ids) + length for p, length in zip(prompts, answers, strict=True))
    if needed > (limit := subject.base.max_positions):
        raise AnalysisError(
            f"the whole document with a question and its answer takes {needed} tokens, and "
            f"{subject.base.name!r} reads {limit} at once: analyse a shorter document"
        )
