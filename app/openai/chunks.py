"""An answer in chunks, as server-sent events without names: how OpenAI streams."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Literal

from fastapi.sse import format_sse_event
from pydantic import BaseModel, Field

from app.answering import Answering
from app.engine.answerer import Piece, Reply
from app.openai.completions import ChatUsage, LiftDetails
from app.openai.likelihoods import Logprobs
from app.openai.marks import Marks
from app.questions import Inquiry


class Delta(BaseModel):
    """What is said next; the first one names who speaks, the last one is empty."""

    role: Literal["assistant"] | None = None
    content: str | None = None


class ChunkChoice(BaseModel):
    """The next of the one answer there is."""

    index: int
    delta: Delta
    logprobs: Logprobs | None
    finish_reason: str | None = Field(description="Why the answer ends; null before it does")


class ChatCompletionChunk(BaseModel):
    """A part of an answer."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: list[ChunkChoice]
    system_fingerprint: str
    usage: ChatUsage | None = Field(
        None, description="If asked for, in one more chunk, which has no choices"
    )
    lift: LiftDetails | None = Field(None, description="In the chunk that ends the answer")


async def stream_chunks(
    marks: Marks,
    inquiry: Inquiry,
    answering: Answering,
    first: Piece | Reply | None,
    refuse: Callable[[Exception], Awaitable[bytes]],
    *,
    with_usage: bool,
) -> AsyncIterator[bytes]:
    """Write an answer whose beginning was heard; what ends it early is `refuse`d as the last event.

    Comments keep the connection alive while the model says nothing.
    """
    yield _frame(marks, [_choice(None, role="assistant", content="")])
    said = first
    while not isinstance(said, Reply):
        if said is None:
            yield format_sse_event(comment="ping")
        elif said.text or inquiry.ask.num_logprobs is not None:
            yield _frame(marks, [_choice(Logprobs.of(inquiry.ask, [said]), content=said.text)])
        try:
            said = await answering.hear()
        except Exception as error:  # the stream's edge: its status has left long ago
            yield format_sse_event(data_str=(await refuse(error)).decode())
            return
    ending = [_choice(None, said.finish_reason)]
    yield _frame(marks, ending, lift=LiftDetails.of(inquiry, said))
    if with_usage:
        yield _frame(marks, [], usage=ChatUsage.of(said))
    yield format_sse_event(data_str="[DONE]")


def _choice(
    logprobs: Logprobs | None, finish_reason: str | None = None, **delta: Any
) -> ChunkChoice:
    return ChunkChoice(
        index=0, delta=Delta(**delta), logprobs=logprobs, finish_reason=finish_reason
    )


def _frame(marks: Marks, choices: list[ChunkChoice], **extras: Any) -> bytes:
    chunk = ChatCompletionChunk(
        object="chat.completion.chunk", choices=choices, **marks._asdict(), **extras
    )
    return format_sse_event(data_str=chunk.model_dump_json(exclude_unset=True))
