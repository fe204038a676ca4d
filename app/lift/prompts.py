"""Every text that the model is shown, once. The same functions serve training and answering."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType

from app.lift.base_model import BaseModel
from app.lift.chat import Turn, chat_format, turn_frames
from app.lift.config import QuestionStyle
from app.lift.errors import BaseModelError
from app.lift.segments import truncated_context
from app.lift.tokenizing import Speaker

GAP = "\n...\n"
"""Stands between the head and the tail of a truncated context."""
RECITE = "\n\nGiven above context, please recite following segment of the context: "
"""The recitation's request, after the context (paper, appendix A.1)."""
COMPLETE = "\n\nComplete the sentence of the text: {start}"
"""The request to go on with a sentence that begins so."""
ASK = "\n\nAnswer the question about the text in a few words.\nQuestion: {question}"
"""The question, after the context."""
REPLY_START = "Answer:"
"""What a reply to a question begins with; the model goes on behind it, and so says less around."""
WRITE = '{passage}\n\nWrite {wish} of the sentence: "{evidence}"'
"""The request for a question/answer pair about one sentence of a passage."""
WISHES: Mapping[QuestionStyle, str] = MappingProxyType(
    {
        "general": "a question about this sentence of the text, and answer it with words",
        "detailed": (
            "a question about a detail in this sentence of the text, like a name, a date or a "
            "number, and answer it with words"
        ),
        "detailed-brief": (
            "a question about a detail in this sentence of the text, like a name, a date or a "
            "number, and answer it with as few words as you can, all"
        ),
    }
)
"""What a pair should be like, by `question_style`: the three kinds of appendix B.1."""
PASSAGES_FROM = 'From "{title}":\n'
"""Before the passages of one of several documents."""
ANSWERS_BEGIN = "Each text was asked the question below alone."
"""Before what several documents answered."""
ANSWER_FROM = '\nAnswer from "{title}": {answer}'
"""What one of them did."""
COMPOSE = "\n\nAnswer the question about the texts in a few words.\nQuestion: {question}"
"""The question, after the passages of several documents and their answers."""
QUESTION_START = "Question:"
ANSWER_START = "\nAnswer:"
WRITE_EXAMPLE = (
    (
        "user",
        WRITE.format(
            passage="The mill at Orrin was built by Tessa Vaal in the year of the long frost. Its "
            "wheel was cut from a single oak. Farmers paid her in barley.",
            wish=WISHES["general"],
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

SUMMARISE = "{passage}\n\nSay in one or two sentences what this text is about."
"""The request for the summary that a paragraph is to be found by."""
WHICH_PARAGRAPH = (
    "Which paragraph is this a summary of? Answer with its number, as in: Paragraph 1. {summary}"
)
"""The question that a paragraph's number answers."""


_TURNS = {"user": ASK.replace("{question}", "{}"), "assistant": f"{REPLY_START} {{}}"}
"""How each side's words in a conversation are shown, the same as when they were first said."""


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


def recitation_prompt(base: Speaker, context: Sequence[int]) -> Prompt:
    """Return the request to recite some segment of the document shown in part by `context`."""
    return _prompt(base, context, RECITE)


def completion_prompt(base: BaseModel, context: Sequence[int], start: str) -> Prompt:
    """Return the request to complete a sentence of the document that begins with `start`."""
    return _prompt(base, context, COMPLETE.format(start=start))


def question_prompt(base: Speaker, context: Sequence[int], question: str) -> Prompt:
    """Return a question over `context`; what follows is the answer (`answer_ids`)."""
    return _prompt(base, context, ASK.format(question=question.strip()), REPLY_START)


def conversation_prompt(
    base: BaseModel,
    context: Sequence[int],
    question: str,
    history: Sequence[Turn] = (),
    system: str | None = None,
) -> Prompt:
    """Return a question that follows earlier ones and their answers, or instructions.

    The context stands before the first question, as it did when that was asked alone. A model whose
    template knows no `system` turn reads the instructions there, too.
    """
    turns: list[Turn] = [*history, ("user", question)]
    opening, behind = _frames(base, [role for role, _ in turns], system)
    words = [base.tokenize(_TURNS[role].format(said.strip())) for role, said in turns]
    request = (part for pair in zip(words, behind, strict=True) for part in pair)
    return Prompt(
        prefix=(*opening, *context),
        request=(*chain.from_iterable(request), *base.tokenize(REPLY_START)),
    )


def composing_prompt(base: Speaker, sources: Sequence[int], question: str) -> Prompt:
    """Return a question over what several documents say and have answered.

    Nothing of that is part of the prefix: nobody else will ask over it.
    """
    asked = _prompt(base, sources, COMPOSE.format(question=question.strip()), REPLY_START)
    opening = base.chat.opening
    return Prompt(prefix=opening, request=(*asked.prefix[len(opening) :], *asked.request))


def answer_ids(base: Speaker, answer: str) -> tuple[int, ...]:
    """Return an answer's tokens as they follow a question's prompt."""
    return tuple(base.tokenize(f" {answer}"))


def writing_prompts(
    base: BaseModel, drafts: Sequence[tuple[str, str]], style: QuestionStyle
) -> list[list[int]]:
    """Return the requests to write a question, for passages and their evidence sentences.

    Each ends where the model is to continue with the question.
    """
    chat = chat_format(base.tokenizer, WRITE_EXAMPLE)
    return [
        [
            *chat.opening,
            *base.tokenize(WRITE.format(passage=passage, wish=WISHES[style], evidence=evidence)),
            *chat.closing,
            *base.tokenize(QUESTION_START),
        ]
        for passage, evidence in drafts
    ]


def summary_prompt(base: BaseModel, passage: str) -> list[int]:
    """Return the request to summarise a passage."""
    return _prompt(base, (), SUMMARISE.format(passage=passage)).ids


def answering_context(
    base: Speaker, tokens: Sequence[int], budget_tokens: int, head_tokens: int | None = None
) -> list[int]:
    """Return the truncated context of a document; see `truncated_context`."""
    return truncated_context(tokens, budget_tokens, base.tokenize(GAP), head_tokens)


def _frames(
    base: BaseModel, roles: Sequence[str], system: str | None
) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
    """Return what stands before the first turn's words, and behind the words of each turn."""
    if system is not None:
        with suppress(BaseModelError):
            start, opening, *behind = turn_frames(base.tokenizer, ("system", *roles))
            return (*start, *base.tokenize(system), *opening), behind
    opening, *behind = turn_frames(base.tokenizer, roles)
    return (*opening, *base.tokenize(f"{system}\n\n" if system else "")), behind


def _prompt(base: Speaker, context: Sequence[int], request: str, reply_start: str = "") -> Prompt:
    chat = base.chat
    return Prompt(
        prefix=(*chat.opening, *context),
        request=(*base.tokenize(request), *chat.closing, *base.tokenize(reply_start)),
    )
