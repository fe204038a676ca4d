"""What routes ask for: the services, a transaction, an upload, the place in the queue to ask."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Annotated

from anyio import CapacityLimiter
from fastapi import Depends, Query, Request
from sqlalchemy.orm import Session

from app import streams, uploads
from app.answering import Answering
from app.callers import Caller
from app.documents import Upload
from app.engine.answerer import Ask
from app.services import Services
from app.watch import Watch


def get_services(request: Request) -> Services:
    """Return the parts that the application made when it started."""
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


ServicesDep = Annotated[Services, Depends(get_services)]


def get_caller(services: ServicesDep) -> Caller:
    """Return who sent the request, if they may read or, to change something, write."""
    return Caller.local(services.settings)


async def hold_ask(caller: Annotated[Caller, Depends(get_caller)]) -> AsyncIterator[Caller]:
    """Return who asks, if they may read, and count the question until its response has left."""
    yield caller


CallerDep = Annotated[Caller, Depends(get_caller)]
"""Who sent the request; other methods than GET need the scope `write`."""
AskerDep = Annotated[Caller, Depends(hold_ask)]
"""Who sent a question, which needs the scope `read` whatever its method."""


def get_writer(services: ServicesDep) -> Iterator[Session]:
    """Give a transaction that is committed before the response leaves."""
    with services.database.writing() as session:
        yield session


def get_reader(services: ServicesDep) -> Iterator[Session]:
    """Give a snapshot."""
    with services.database.reading() as session:
        yield session


async def get_upload(request: Request, services: ServicesDep) -> AsyncIterator[Upload]:
    """Give what the request uploads."""
    async for upload in uploads.read_upload(request, services.settings.preset):
        yield upload


def get_asking_limiter(request: Request) -> CapacityLimiter:
    """Return the threads that wait for answers: their own, so that others never wait for them."""
    limiter = request.app.state.asking_limiter
    assert isinstance(limiter, CapacityLimiter)
    return limiter


async def get_answering(
    request: Request,
    services: ServicesDep,
    limiter: Annotated[CapacityLimiter, Depends(get_asking_limiter)],
) -> AsyncIterator[Callable[[Ask], Awaitable[Answering]]]:
    """Give what begins an answer; it ends with the response, or when the client goes."""
    async with AsyncExitStack() as answers:

        async def begin(ask: Ask) -> Answering:
            answering = Answering(services.answerer, ask, limiter, request)
            return await answers.enter_async_context(answering)

        yield begin


def get_watch(request: Request) -> Watch:
    """Return those who wait for what happens to documents."""
    watch = request.app.state.watch
    assert isinstance(watch, Watch)
    return watch


WatchDep = Annotated[Watch, Depends(get_watch)]


async def hold_place(document_id: str, watch: WatchDep) -> AsyncIterator[None]:
    """Hold a place among those who wait, until the response has left."""
    with watch.place(document_id):
        yield


async def wait_for_change(
    document_id: str,
    caller: CallerDep,
    services: ServicesDep,
    watch: WatchDep,
    wait: Annotated[
        float,
        Query(ge=0, le=60, description="Seconds to wait for another status, stage or progress"),
    ] = 0,
) -> None:
    """Wait, if that is wished for, until the document changes."""
    if wait:
        await streams.wait_for_change(watch, services.database, caller.owner, document_id, wait)


WriterDep = Annotated[Session, Depends(get_writer, scope="function")]
ReaderDep = Annotated[Session, Depends(get_reader, scope="function")]
UploadDep = Annotated[Upload, Depends(get_upload)]
AnsweringDep = Annotated[Callable[[Ask], Awaitable[Answering]], Depends(get_answering)]
AskingLimiterDep = Annotated[CapacityLimiter, Depends(get_asking_limiter)]
