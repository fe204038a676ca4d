"""`/ask`: one question on several documents, answered by each, and by all of them together."""

from functools import partial
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Header, Request
from fastapi.sse import EventSourceResponse
from starlette.responses import Response

from app import answer_streams, joint_answering, joint_questions, streams
from app.deps import AnsweringDep, AskersDep, AskingLimiterDep, ServicesDep
from app.joint_answering import Begin
from app.joint_questions import JointInquiry
from app.joint_views import JointAnswer, JointAnswerEvent, JointQuestion
from app.problems import problem_bytes, problem_responses
from app.services import Services

_ANSWERED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "All answers; as a stream, each document's as it ends, the composed one in "
        "pieces and, at the end, everything as a whole",
        "content": {
            answer_streams.MEDIA_TYPE: {"schema": JointAnswerEvent.model_json_schema()},
        },
    }
}

router = APIRouter(tags=["questions"])


@router.post(
    "/ask",
    response_model=JointAnswer,
    responses=_ANSWERED | problem_responses(404, 409, 413, 422, 503),
)
async def ask_documents(
    question: JointQuestion,
    hold: AskersDep,
    services: ServicesDep,
    limiter: AskingLimiterDep,
    begin: AnsweringDep,
    request: Request,
    accept: str = Header("*/*", include_in_schema=False),
) -> JointAnswer | Response:
    """Ask several documents at once; each answers alone, and one answer is composed of theirs.

    With `stream`, or if only `text/event-stream` is accepted, answers come as they are made.
    """
    inquiry = await _prepare(question, hold, services, limiter)
    if question.stream or answer_streams.is_wished_for(accept):
        return await _stream(inquiry, begin, request)
    return await joint_answering.hear_whole(inquiry, begin)


@router.post(
    "/ask/stream",
    response_class=Response,  # with another one FastAPI would say that the body is JSON
    responses=_ANSWERED | problem_responses(404, 409, 413, 422, 503),
)
async def stream_answers(
    question: JointQuestion,
    hold: AskersDep,
    services: ServicesDep,
    limiter: AskingLimiterDep,
    begin: AnsweringDep,
    request: Request,
) -> Response:
    """Ask several documents at once and hear the answers as they are made.

    The same as `ask` with `stream`, for clients that know an answer's type by its path.
    """
    inquiry = await _prepare(question, hold, services, limiter)
    return await _stream(inquiry, begin, request)


async def _prepare(
    question: JointQuestion, hold: AskersDep, services: Services, limiter: CapacityLimiter
) -> JointInquiry:
    caller = hold(len(question.document_ids))
    gather = partial(joint_questions.prepare, services, caller.owner, question)
    return await to_thread.run_sync(gather, limiter=limiter)


async def _stream(inquiry: JointInquiry, begin: Begin, request: Request) -> Response:
    told = joint_answering.tell_events(inquiry, begin)
    await anext(told)  # what is refused before every document speaks has a status of its own
    events = answer_streams.write_events(told, partial(problem_bytes, request))
    return EventSourceResponse(events, headers=streams.HEADERS)
