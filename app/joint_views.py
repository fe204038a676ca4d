"""One question on several documents over HTTP, and what is answered: by each, and composed."""

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import BaseModel, Field, RootModel, StringConstraints, field_validator

from app.engine.answerer import Reply
from app.lift.passages import Passage
from app.problems import Problem
from app.question_views import Answer, AnswerDelta, Timings, Usage, Wishes

MOST_DOCUMENTS = 16
_DocumentId = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class JointQuestion(Wishes):
    """A question on several documents. What is wished for holds for each of them."""

    document_ids: list[_DocumentId] = Field(
        min_length=1, max_length=MOST_DOCUMENTS, description="Each document once"
    )

    @field_validator("document_ids")
    @classmethod
    def _refuse_repetition(cls, document_ids: list[str]) -> list[str]:
        for place, document_id in enumerate(document_ids):
            if document_id in document_ids[:place]:
                raise ValueError(f"{document_id!r} is named twice: name each document once")
        return document_ids


class DocumentAnswer(Answer):
    """What one of several documents answered alone."""

    document_id: str
    title: str


class ShownPassage(BaseModel):
    """A passage that an answer was composed over."""

    document_id: str
    start: int = Field(description="Offset in the document's text, in characters")
    end: int = Field(
        description="Offset behind its last character; the window may have cut its end off"
    )

    @classmethod
    def of(cls, document_id: str, passages: Sequence[Passage]) -> list[Self]:
        """Show passages of one document."""
        return [cls(document_id=document_id, start=each.start, end=each.end) for each in passages]


class ComposedFrom(BaseModel):
    """What stood beside the question when the answer was composed."""

    passages: list[ShownPassage] = Field(
        description="By document, the best first: as many as the window held"
    )
    num_cut_answers: int = Field(
        description="Documents' answers that the window had no room for whole"
    )


class JointAnswer(BaseModel):
    """What several documents answered, and the answer composed of it."""

    answer: str = Field(
        description="Composed by the base model, without any memory; of one document its own"
    )
    finish_reason: str = Field(
        description="stop at the end of the answer or a stop string, length at max_tokens"
    )
    documents: list[DocumentAnswer] = Field(description="In the question's order")
    composed_from: ComposedFrom | None = Field(
        description="Beside all documents' answers; null for one document, whose answer is its own"
    )
    usage: Usage = Field(description="Of all answers together")
    timings: Timings = Field(
        description="The longest swap, and the time until the composed answer began and ended"
    )


class JointAnswerEvent(RootModel[DocumentAnswer | AnswerDelta | JointAnswer | Problem]):
    """The data of an event: of `document.done` a DocumentAnswer, of `answer.delta` an AnswerDelta
    of the composed answer, of `answer.done`, the last one, a JointAnswer; of `error`, the last
    one, too, a Problem.
    """


def sum_usage(replies: Sequence[Reply]) -> Usage:
    """Show what replies took together."""
    return Usage(
        prompt_tokens=sum(reply.prompt_tokens for reply in replies),
        completion_tokens=sum(reply.completion_tokens for reply in replies),
        dropped_turns=sum(reply.num_dropped_turns for reply in replies),
    )


def join_timings(replies: Sequence[Reply], composed: Reply | None) -> Timings:
    """Show how long it took to hear replies at the same time, and then the composed one."""
    if composed is None:
        return Timings.of(replies[0])
    before_seconds = max(reply.total_seconds for reply in replies)
    return Timings(
        swap_seconds=max(reply.swap_seconds for reply in replies),
        first_token_seconds=before_seconds + composed.first_token_seconds,
        total_seconds=before_seconds + composed.total_seconds,
    )
