"""Questions over HTTP, and what is answered to them, whole or as it comes."""

import math
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    StringConstraints,
    model_validator,
)

from app.engine.answerer import Context, Piece, Reply, Speaker
from app.json_values import Flag, Real, require_number
from app.problems import Problem

LONGEST_WORDS = 32_000
"""Most characters of one turn."""
Words = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_WORDS)
]
StopString = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_SEED_LIMIT = 2**53 - 1  # the largest integer that every JSON reader keeps
_Seed = Annotated[int, Field(ge=0, le=_SEED_LIMIT), BeforeValidator(require_number)]
_Tokens = Annotated[int, Field(ge=1), BeforeValidator(require_number)]


class MemoryUse(StrEnum):
    """Whether a question is answered with the document's memory."""

    ALWAYS = "always"
    REQUIRED = "required"
    IF_READY = "if_ready"
    OFF = "off"


class MemoryState(StrEnum):
    """Whether an answer came from the document's memory."""

    USED = "used"
    PENDING = "pending"
    """It will; the memory was still in the making."""
    UNRELATED = "unrelated"
    """It did not: by its words, the question is hardly about the document."""
    OFF = "off"


class HistoryTurn(BaseModel):
    """What somebody said earlier in the conversation."""

    model_config = ConfigDict(extra="forbid")

    role: Speaker
    content: Words


class Wishes(BaseModel):
    """A question, and how it is to be answered."""

    model_config = ConfigDict(extra="forbid")

    question: Words
    memory: MemoryUse = Field(
        MemoryUse.REQUIRED,
        description="required: 409 until the memory is ready. if_ready: without it while it is in "
        "the making. Both leave it out for a question that by its words is hardly about the "
        "document, if the document's least_relatedness says so; always does not. off: the base "
        "model over the document's text alone",
    )
    context: Context | None = Field(
        None,
        description="What of the text stands beside the question. truncated: its beginning and "
        "end. retrieved: the passages that fit the question. none: nothing. Unset is truncated, or "
        "retrieved while the memory is in the making",
    )
    evidence: Flag = Field(True, description="Whether to look for passages that bear the answer")
    max_tokens: _Tokens | None = Field(
        None, description="Most tokens of the answer; unset is 64, or the server's limit"
    )
    temperature: Real = Field(
        0.0, ge=0, le=2, description="0 takes the likeliest token; more draws more freely"
    )
    top_p: Real = Field(
        1.0, gt=0, le=1, description="Draw from the likeliest tokens that have this share together"
    )
    seed: _Seed | None = Field(None, description="The same seed draws the same answer")
    stop: list[StopString] = Field(
        default_factory=list, max_length=8, description="The answer ends before the first of these"
    )
    stream: Flag = Field(
        False, description="Answer as server-sent events, as does Accept: text/event-stream"
    )

    @model_validator(mode="after")
    def _refuse_nothing(self) -> Self:
        if self.memory is MemoryUse.OFF and self.context is Context.NONE:
            raise ValueError(
                "memory off with context none would leave nothing of the document: change one"
            )
        return self


class Question(Wishes):
    """A question on one document."""

    history: list[HistoryTurn] = Field(
        default_factory=list,
        max_length=200,
        description="Earlier turns, the oldest first: user and assistant in turn, beginning with "
        "the user. The oldest are dropped where the window is full",
    )
    token_shares: Flag = Field(
        False, description="Whether each piece of a stream tells its memory share"
    )

    @model_validator(mode="after")
    def _refuse_disorder(self) -> Self:
        roles = [turn.role for turn in self.history]
        in_turn = all(before is not after for before, after in pairwise(roles))
        if roles and not (in_turn and roles[0] is Speaker.USER and roles[-1] is Speaker.ASSISTANT):
            raise ValueError(
                "history must hold turns of user and assistant in turn, from a question to an "
                "answer: the question that follows them stands in question"
            )
        return self


class EvidenceKind(StrEnum):
    """How evidence was found."""

    PASSAGE = "passage"
    """By the question's words."""
    QA_PAIR = "qa_pair"
    """It proves the answer to a stored question that is almost the same."""


class Evidence(BaseModel):
    """A passage of the document that has something to do with the question."""

    kind: EvidenceKind
    text: str
    start: int = Field(description="Offset in the document's text, in characters")
    end: int = Field(description="Offset behind its last character")
    page: int | None = Field(description="The page that it begins on, from 1, where there are any")
    heading: str | None = Field(description="Title of the section that it begins in")
    score: float = Field(
        description="Of a passage, BM25; of a qa_pair, how much of the questions' words agree, in "
        "[0, 1]. Comparable within one kind and answer"
    )


class Usage(BaseModel):
    """Tokens that went in and out."""

    prompt_tokens: int
    completion_tokens: int
    dropped_turns: int = Field(description="Turns of the history that the window had no room for")

    @classmethod
    def of(cls, reply: Reply) -> Self:
        """Show what a reply took."""
        return cls(
            prompt_tokens=reply.prompt_tokens,
            completion_tokens=reply.completion_tokens,
            dropped_turns=reply.num_dropped_turns,
        )


class Timings(BaseModel):
    """Where the time went, in seconds since the engine took the question, waiting included."""

    swap_seconds: float
    first_token_seconds: float
    total_seconds: float

    @classmethod
    def of(cls, reply: Reply) -> Self:
        """Show how long a reply took."""
        return cls(
            swap_seconds=reply.swap_seconds,
            first_token_seconds=reply.first_token_seconds,
            total_seconds=reply.total_seconds,
        )


class Answer(BaseModel):
    """What the model said."""

    answer: str
    memory_share: float | None = Field(
        description="How much of the model's attention came from memory, in [0, 1]; null without "
        "and for the kinds lora and pissa. Not a probability that the answer is right"
    )
    memory: MemoryState = Field(
        description="pending: not used, it was still in the making. unrelated: not used, by "
        "its words the question is hardly about the document"
    )
    context: Context = Field(description="What of the text stood beside the question")
    finish_reason: str = Field(
        description="stop at the end of the answer or a stop string, length at max_tokens"
    )
    evidence: list[Evidence] | None = Field(
        description="The best first, found by searching the text: the model did not name them. "
        "null if not asked for"
    )
    usage: Usage
    timings: Timings
    adapter_sha256: str | None = Field(description="The memory's file; null without memory")
    adapter_version: int | None = Field(
        description="The version of the document that the memory was trained as"
    )


class AnswerDelta(BaseModel):
    """A piece of an answer; all texts together are the answer."""

    text: str
    memory_share: float | None = Field(
        None, description="How much of the attention came from memory, if asked for"
    )

    @classmethod
    def of(cls, piece: Piece) -> Self:
        """Show a piece."""
        return cls(text=piece.text, memory_share=finite(piece.memory_share))


class AnswerEvent(RootModel[AnswerDelta | Answer | Problem]):
    """The data of an event: of `answer.delta` an AnswerDelta, of `answer.done`, the last one, an
    Answer; of `error`, the last one, too, a Problem.
    """


def finite(share: float | None) -> float | None:
    """Return a memory share; None where a broken memory gave no number, which JSON has not."""
    return share if share is not None and math.isfinite(share) else None
