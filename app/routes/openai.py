"""`/v1`: documents as models, for clients of OpenAI's API."""

from functools import partial
from typing import Any, Final

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.sse import EventSourceResponse
from starlette.responses import Response

from app import streams
from app.deps import AnsweringDep, AskerDep, AskingLimiterDep, CallerDep, ReaderDep, ServicesDep
from app.openai import models
from app.openai.chunks import ChatCompletionChunk, stream_chunks
from app.openai.completions import ChatCompletion
from app.openai.dialect import PREFIX, RefusalBody
from app.openai.marks import Marks
from app.openai.models import Model, ModelList
from app.openai.requests import ChatRequest
from app.openai.translation import prepare
from app.problems import problem_bytes

_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": RefusalBody} for status in (400, 404, 409, 413)
}

_CHAT: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The answer; as a stream, in chunks, and behind the last one `[DONE]`",
        "content": {"text/event-stream": {"schema": ChatCompletionChunk.model_json_schema()}},
    }
}

router = APIRouter(prefix=PREFIX, tags=["openai"], responses=_REFUSALS)


@router.get("/models")
def list_models(caller: CallerDep, session: ReaderDep, services: ServicesDep) -> ModelList:
    """List the documents that have a memory, as models."""
    base = services.answerer.describe()["model"]
    return ModelList.of(models.find_models(session, caller.owner, base))


@router.get("/models/{model}")
def get_model(model: str, caller: CallerDep, session: ReaderDep, services: ServicesDep) -> Model:
    """Show one document that has a memory, as a model."""
    base = services.answerer.describe()["model"]
    return models.get_model(session, caller.owner, model, base)


@router.post("/chat/completions", response_model=ChatCompletion, responses=_CHAT)
async def create_chat_completion(
    chat: ChatRequest,
    caller: AskerDep,
    services: ServicesDep,
    limiter: AskingLimiterDep,
    begin: AnsweringDep,
    request: Request,
) -> ChatCompletion | Response:
    """Ask a document as a model; with `stream`, the answer comes in chunks."""
    inquiry = await to_thread.run_sync(
        partial(prepare, services, caller.owner, chat), limiter=limiter
    )
    marks = Marks.new(inquiry.ask, services.answerer)
    answering = await begin(inquiry.ask)
    if not chat.stream:
        return ChatCompletion.of(marks, inquiry, *await answering.hear_all())
    first = await answering.hear()  # what is refused before has a status of its own
    refuse = partial(problem_bytes, request)
    chunks = stream_chunks(
        marks,
        inquiry,
        answering,
        first,
        refuse,
        with_usage=chat.wants_usage,
    )
    return EventSourceResponse(chunks, headers=streams.HEADERS)
