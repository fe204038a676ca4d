"""How likely the gold answers of a document's questions are, with a memory and without."""

from collections.abc import Sequence
from contextlib import nullcontext

from app.evaluation.shared_prefix import Request, SharedPrefix
from app.evaluation.shown import ShownPart
from app.lift.base_model import BaseModel, Pluggable
from app.lift.config import MethodConfig
from app.lift.prompts import answer_ids, answering_context, question_prompt

Question = tuple[str, str]
"""A question and its gold answer."""


def gold_log_likelihoods(
    base: BaseModel,
    text: str,
    questions: Sequence[Question],
    method: MethodConfig,
    memory: Pluggable | None,
) -> list[float]:
    """Return each gold answer's mean log-probability per token, in nats, behind its question.

    The prompt is the one that answering uses: truncated context, then the question. `memory` None
    scores the bare base model.
    """
    context = answering_context(base, base.tokenize(text), method.context_tokens)
    prompts = [question_prompt(base, context, question) for question, _ in questions]
    requests = [
        Request(prompt.request, (answer_ids(base, answer),))
        for prompt, (_, answer) in zip(prompts, questions, strict=True)
    ]
    with base.plugged(memory) if memory else nullcontext():
        scores = SharedPrefix(base, prompts[0].prefix).log_likelihoods(requests)
    return [likelihood for (likelihood,) in scores]


def is_shown(base: BaseModel, text: str, quote: str, method: MethodConfig) -> bool:
    """Tell whether the whole quote lies in the head or tail that the truncated context shows."""
    return ShownPart.of(base, text, method.context_tokens).holds(quote)
