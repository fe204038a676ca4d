"""`/documents/{document_id}/ask`: one question, one answer, whole or as it comes."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Header, Request
from fastapi.sse import EventSourceResponse
from starlette.responses import Response

from app import answer_streams, questions, streams
from app.answering import Answering
from app.callers import Caller
from app.deps import AnsweringDep, AskerDep, AskingLimiterDep, ServicesDep
from app.engine.answerer import Ask
from app.problems import problem_bytes, problem_responses
from app.question_views import Answer, AnswerEvent, Question
from app.questions import Inquiry
from app.services import Services

_ANSWERED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The answer; as a stream, in pieces of it and, at the end, as a whole",
        "content": {answer_streams.MEDIA_TYPE: {"schema": AnswerEvent.model_json_schema()}},
    }
}

router = APIRouter(tags=["questions"])


@router.post(
    "/documents/{document_id}/ask",
    response_model=Answer,
    responses=_ANSWERED | problem_responses(404, 409, 413, 422, 503),
)
async def ask_document(
    document_id: str,
    question: Question,
    caller: AskerDep,
    services: ServicesDep,
    limiter: AskingLimiterDep,
    begin: AnsweringDep,
    request: Request,
    accept: str = Header("*/*", include_in_schema=False),
) -> Answer | Response:
    """Ask a document; the answer comes from its memory, its text, or both.

    With `stream`, or if only `text/event-stream` is accepted, it comes as it is made.
    """
    inquiry, answering = await _begin(document_id, question, caller, services, limiter, begin)
    if question.stream or answer_streams.is_wished_for(accept):
        return await _stream(inquiry, answering, question, request)
    _, reply = await answering.hear_all()
    return inquiry.answer(reply)


@router.post(
    "/documents/{document_id}/ask/stream",
    response_class=Response,  # with another one FastAPI would say that the body is JSON
    responses=_ANSWERED | problem_responses(404, 409, 413, 422, 503),
)
async def stream_answer(
    document_id: str,
    question: Question,
    caller: AskerDep,
    services: ServicesDep,
    limiter: AskingLimiterDep,
    begin: AnsweringDep,
    request: Request,
) -> Response:
    """Ask a document and hear the answer as it is made.

    The same as `ask` with `stream`, for clients that know an answer's type by its path.
    """
    inquiry, answering = await _begin(document_id, question, caller, services, limiter, begin)
    return await _stream(inquiry, answering, question, request)


async def _begin(
    document_id: str,
    question: Question,
    caller: Caller,
    services: Services,
    limiter: CapacityLimiter,
    begin: Callable[[Ask], Awaitable[Answering]],
) -> tuple[Inquiry, Answering]:
    gather = partial(questions.prepare, services, caller.owner, document_id, question)
    inquiry = await to_thread.run_sync(gather, limiter=limiter)
    return inquiry, await begin(inquiry.ask)


async def _stream(
    inquiry: Inquiry, answering: Answering, question: Question, request: Request
) -> Response:
    first = await answering.hear()  # what is refused before has a status of its own
    refuse = partial(problem_bytes, request)
    events = answer_streams.stream_answer(
        inquiry, answering, first, refuse, token_shares=question.token_shares
    )
    return EventSourceResponse(events, headers=streams.HEADERS)
