"""Every text that the model is shown, once. The same functions serve training and answering."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.lift.base_model import BaseModel
from app.lift.segments import truncated_context

GAP = "\n...\n"
"""Stands between the head and the tail of a truncated context."""
RECITE = "\n\nGiven above context, please recite following segment of the context: "
"""The recitation's request, after the context (paper, appendix A.1)."""
ASK = "\n\nAnswer the question about the text in a few words.\nQuestion: {question}"
"""The question, after the context."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What stands before a reply, in token ids; split where a cached prefix may end."""

    prefix: tuple[int, ...]
    """Chat opening and context: shared by all that is asked over this context."""
    request: tuple[int, ...]
    """The request itself and the opening of the reply."""

    @property
    def ids(self) -> list[int]:
        """The whole prompt."""
        return [*self.prefix, *self.request]


def recitation_prompt(base: BaseModel, context: Sequence[int]) -> Prompt:
    """Return the request to recite some segment of the document shown in part by `context`."""
    return _prompt(base, context, RECITE)


def question_prompt(base: BaseModel, context: Sequence[int], question: str) -> Prompt:
    """Return a question over `context`."""
    return _prompt(base, context, ASK.format(question=question.strip()))


def passage_prompt(base: BaseModel, request: str) -> Prompt:
    """Return a request that brings its own passage."""
    return _prompt(base, (), request)


def answering_context(
    base: BaseModel, tokens: Sequence[int], budget_tokens: int, head_tokens: int | None = None
) -> list[int]:
    """Return the truncated context of a document; see `truncated_context`."""
    return truncated_context(tokens, budget_tokens, base.tokenize(GAP), head_tokens)


def _prompt(base: BaseModel, context: Sequence[int], request: str) -> Prompt:
    chat = base.chat
    return Prompt(
        prefix=(*chat.opening, *context),
        request=(*base.tokenize(request), *chat.closing),
    )
