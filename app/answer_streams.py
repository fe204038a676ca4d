"""Answers as they come, as server-sent events with names: `answer.delta`, and one that ends it."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from itertools import count
from typing import NamedTuple

from fastapi.sse import format_sse_event

from app.answering import Answering
from app.engine.answerer import Piece, Reply
from app.question_views import AnswerDelta
from app.questions import Inquiry

MEDIA_TYPE, _JSON = "text/event-stream", "application/json"
_RETRY_MILLISECONDS = 2000

Refuse = Callable[[Exception], Awaitable[bytes]]
"""Writes an exception as a problem."""


class Event(NamedTuple):
    """What is told of an answer."""

    name: str
    data: str
    """As JSON."""


def is_wished_for(accept: str) -> bool:
    """Say whether a stream is all that a request accepts of what is spoken here."""
    accepted = {each.partition(";")[0].strip().lower() for each in accept.split(",")}
    return MEDIA_TYPE in accepted and _JSON not in accepted


def stream_answer(
    inquiry: Inquiry,
    answering: Answering,
    first: Piece | Reply | None,
    refuse: Refuse,
    *,
    token_shares: bool,
) -> AsyncIterator[bytes]:
    """Write an answer whose beginning was heard; it ends with `answer.done` or with `error`."""
    return write_events(_tell(inquiry, answering, first, token_shares=token_shares), refuse)


async def write_events(told: AsyncGenerator[Event | None], refuse: Refuse) -> AsyncGenerator[bytes]:
    """Write events with ids; what is raised becomes the last one, `error`.

    None becomes a comment, which keeps the connection alive while there is nothing to tell.
    """
    ids = count(1)
    yield format_sse_event(retry=_RETRY_MILLISECONDS)
    async with aclosing(told):
        try:
            async for event in told:
                yield _frame(event, next(ids)) if event else format_sse_event(comment="ping")
        except Exception as error:  # the stream's edge: its status has left long ago
            yield _frame(Event("error", (await refuse(error)).decode()), next(ids))


async def _tell(
    inquiry: Inquiry, answering: Answering, first: Piece | Reply | None, *, token_shares: bool
) -> AsyncGenerator[Event | None]:
    said = first
    while not isinstance(said, Reply):
        if said is None:
            yield None
        elif said.text or token_shares:
            yield Event("answer.delta", _delta(said, token_shares=token_shares))
        said = await answering.hear()
    yield Event("answer.done", inquiry.answer(said).model_dump_json())


def _delta(piece: Piece, *, token_shares: bool) -> str:
    delta = AnswerDelta.of(piece)
    return delta.model_dump_json(exclude=None if token_shares else {"memory_share"})


def _frame(event: Event, event_id: int) -> bytes:
    return format_sse_event(data_str=event.data, event=event.name, id=str(event_id))
