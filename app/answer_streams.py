"""An answer as it comes, as server-sent events with names: `answer.delta`, and one that ends it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count

from fastapi.sse import format_sse_event

from app.answering import Answering
from app.engine.answerer import Piece, Reply
from app.question_views import AnswerDelta
from app.questions import Inquiry

_RETRY_MILLISECONDS = 2000


async def stream_answer(
    inquiry: Inquiry,
    answering: Answering,
    first: Piece | Reply | None,
    refuse: Callable[[Exception], Awaitable[bytes]],
    *,
    token_shares: bool,
) -> AsyncIterator[bytes]:
    """Write an answer whose beginning was heard; it ends with `answer.done` or with `error`.

    Comments keep the connection alive while the model says nothing.
    """
    ids, said = count(1), first
    yield format_sse_event(retry=_RETRY_MILLISECONDS)
    while not isinstance(said, Reply):
        if said is None:
            yield format_sse_event(comment="ping")
        elif said.text or token_shares:
            yield _frame("answer.delta", _delta(said, token_shares=token_shares), next(ids))
        try:
            said = await answering.hear()
        except Exception as error:  # the stream's edge: its status has left long ago
            yield _frame("error", (await refuse(error)).decode(), next(ids))
            return
    yield _frame("answer.done", inquiry.answer(said).model_dump_json(), next(ids))


def _delta(piece: Piece, *, token_shares: bool) -> str:
    delta = AnswerDelta.of(piece)
    return delta.model_dump_json(exclude=None if token_shares else {"memory_share"})


def _frame(event: str, data: str, event_id: int) -> bytes:
    return format_sse_event(data_str=data, event=event, id=str(event_id))
