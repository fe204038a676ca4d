"""`/v1`: documents as models, for clients of OpenAI's API."""

from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse
from starlette.responses import Response

from app.deps import AnsweringDep, AskerDep, CallerDep, ReaderDep, ServicesDep
from app.engine.answerer import Ask
from app.openai import models
from app.openai.chunks import stream_chunks
from app.openai.completions import ChatCompletion
from app.openai.dialect import PREFIX, RefusalBody
from app.openai.marks import Marks
from app.openai.models import Model, ModelList
from app.openai.requests import ChatRequest
from app.openai.translation import prepare
from app.problems import handle_exception
from app.services import Services

_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": RefusalBody} for status in (400, 404, 409, 413)
}
_STREAM_HEADERS: Final = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}

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


@router.post("/chat/completions", response_model=ChatCompletion)
async def create_chat_completion(
    chat: ChatRequest,
    caller: AskerDep,
    services: ServicesDep,
    begin: AnsweringDep,
    request: Request,
) -> ChatCompletion | Response:
    """Ask a document as a model; with `stream`, the answer comes in chunks."""
    ask = await run_in_threadpool(_prepare, services, caller.owner, chat)
    marks = Marks.new(ask, services.answerer)
    answering = await begin(ask)
    if not chat.stream:
        return ChatCompletion.of(marks, ask, *await answering.hear_all())
    first = await answering.hear()  # what is refused before has a status of its own
    chunks = stream_chunks(
        marks, ask, answering, first, partial(_refuse, request), with_usage=chat.wants_usage
    )
    return EventSourceResponse(chunks, headers=_STREAM_HEADERS)


def _prepare(services: Services, owner: str, chat: ChatRequest) -> Ask:
    max_tokens = services.settings.max_answer_tokens
    with services.database.reading() as session:  # closed before the model starts to think
        return prepare(session, services.store, owner, chat, max_tokens)


async def _refuse(request: Request, error: Exception) -> bytes:
    return bytes((await handle_exception(request, error)).body)
