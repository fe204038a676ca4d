"""Every text that the model is shown, once. The same functions serve training and answering."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.lift.base_model import BaseModel
from app.lift.chat import chat_format
from app.lift.segments import truncated_context

GAP = "\n...\n"
"""Stands between the head and the tail of a truncated context."""
RECITE = "\n\nGiven above context, please recite following segment of the context: "
"""The recitation's request, after the context (paper, appendix A.1)."""
ASK = "\n\nAnswer the question about the text in a few words.\nQuestion: {question}"
"""The question, after the context."""
WRITE = (
    "{passage}\n\nWrite a question about this sentence of the text, and answer it with words of "
    'the sentence: "{evidence}"'
)
"""The request for a question/answer pair about one sentence of a passage."""
QUESTION_START = "Question:"
ANSWER_START = "\nAnswer:"
WRITE_EXAMPLE = (
    (
        "user",
        WRITE.format(
            passage="The mill at Orrin was built by Tessa Vaal in the year of the long frost. Its "
            "wheel was cut from a single oak. Farmers paid her in barley.",
            evidence="Its wheel was cut from a single oak.",
        ),
    ),
    (
        "assistant",
        f"{QUESTION_START} What was the wheel of the mill at Orrin cut from?"
        f"{ANSWER_START} a single oak",
    ),
)
"""Shown before every such request: a small model echoes the request without it."""


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


def writing_prompts(base: BaseModel, drafts: Sequence[tuple[str, str]]) -> list[list[int]]:
    """Return the requests to write a question, for passages and their evidence sentences.

    Each ends where the model is to continue with the question.
    """
    chat = chat_format(base.tokenizer, WRITE_EXAMPLE)
    return [
        [
            *chat.opening,
            *base.tokenize(WRITE.format(passage=passage, evidence=evidence)),
            *chat.closing,
            *base.tokenize(QUESTION_START),
        ]
        for passage, evidence in drafts
    ]


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
