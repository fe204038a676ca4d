"""Where a memory's gates open: by layer, head and token of one question and its answer."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from app.evaluation.analyses.errors import AnalysisError
from app.evaluation.analyses.subject import Subject
from app.lift.generation import generate
from app.lift.memory import GateTrace
from app.lift.prompts import answer_ids, answering_context, question_prompt

_MOST_ANSWER_TOKENS = 32


@dataclass(frozen=True, slots=True)
class Gates:
    """The gates at the question's tokens, with the chat template's around it, and the answer's."""

    question: str
    answer: str
    tokens: tuple[str, ...]
    """What was read at each position, T of them."""
    num_question_tokens: int
    """The first so many belong to the question; the others to the answer."""
    layers: tuple[Tensor, ...]
    """[T, H] for each layer."""

    @property
    def answering(self) -> slice:
        """The positions that predict the answer: from the question's last token on.

        What comes behind the answer's last token is not part of it.
        """
        return slice(
            self.num_question_tokens - 1, max(len(self.tokens) - 1, self.num_question_tokens)
        )

    @property
    def memory_share(self) -> float:
        """Mean gate over layers, heads and the positions that predict the answer."""
        means = [gates[self.answering].mean(-1) for gates in self.layers]  # [positions] each
        return torch.stack(means).mean().item()


@torch.no_grad()
def measure_gates(subject: Subject, question: str, answer: str | None) -> Gates:
    """Read one question and its answer with the memory, over the truncated context.

    `answer` None takes what the model says with the memory.

    Raises:
        AnalysisError: the question or the answer is empty, or the memory has no gates.
    """
    if not question.strip() or (answer is not None and not answer.strip()):
        raise AnalysisError("the question or the answer is empty: write some words")
    base = subject.base
    context = answering_context(base, subject.tokens, subject.method.context_tokens)
    prompt = question_prompt(base, context, question)
    with base.plugged(subject.memory) as trace:
        if trace is None:
            raise AnalysisError(
                f"a memory of the kind {subject.method.memory_kind!r} has no gates: "
                "give the adapter of a Gated Memory"
            )
        said = _answer(subject, prompt.ids) if answer is None else list(answer_ids(base, answer))
        ids = torch.tensor([[*prompt.ids, *said]], device=base.device)
        base.model(input_ids=ids, use_cache=False, logits_to_keep=1)
    return Gates(
        question=question,
        answer=base.tokenizer.decode(said).strip() if answer is None else answer,
        tokens=_words(subject, [*prompt.request, *said]),
        num_question_tokens=len(prompt.request),
        layers=_from(trace, len(prompt.prefix)),
    )


def _answer(subject: Subject, ids: Sequence[int]) -> list[int]:
    return generate(subject.base, [ids], _MOST_ANSWER_TOKENS)[0]


def _words(subject: Subject, ids: Sequence[int]) -> tuple[str, ...]:
    """Return each token as it reads, white space made visible."""
    pieces = (subject.base.tokenizer.decode([token]) for token in ids)
    return tuple(piece.replace("\n", "⏎").replace(" ", "␣") for piece in pieces)


def _from(trace: GateTrace, start: int) -> tuple[Tensor, ...]:
    return tuple(trace.gates[layer][0, start:].float().cpu() for layer in sorted(trace.gates))
