"""How likely the gold answers of a document's questions are, with a memory and without."""

from collections.abc import Sequence
from contextlib import nullcontext

import torch

from app.lift.base_model import BaseModel
from app.lift.config import MethodConfig
from app.lift.examples import Example, ExampleGroup
from app.lift.memory import Memory
from app.lift.packing import example_losses
from app.lift.prompts import GAP, answering_context, question_prompt
from app.lift.segments import shown_spans

Question = tuple[str, str]
"""A question and its gold answer."""


@torch.no_grad()
def gold_log_likelihoods(
    base: BaseModel,
    text: str,
    questions: Sequence[Question],
    method: MethodConfig,
    memory: Memory | None,
) -> list[float]:
    """Return each gold answer's mean log-probability per token, in nats, behind its question.

    The prompt is the one that answering uses: truncated context, then the question. `memory` None
    scores the bare base model.
    """
    context = answering_context(base, base.tokenize(text), method.context_tokens)
    prompts = [question_prompt(base, context, question) for question, _ in questions]
    examples = tuple(
        Example(prompt.request, tuple(base.tokenize(answer)))
        for prompt, (_, answer) in zip(prompts, questions, strict=True)
    )
    with base.plugged(memory) if memory else nullcontext():
        losses = example_losses(base, ExampleGroup(prompts[0].prefix, examples))
    scores: list[float] = (-losses).tolist()
    return scores


def is_shown(base: BaseModel, text: str, quote: str, method: MethodConfig) -> bool:
    """Tell whether the whole quote lies in the head or tail that the truncated context shows."""
    tokens = base.tokenize(text)
    head, tail = shown_spans(len(tokens), method.context_tokens, len(base.tokenize(GAP)))
    shown = (tokens[:head], tokens[len(tokens) - tail :])
    return any(quote in base.tokenizer.decode(part) for part in shown)
