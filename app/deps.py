"""What routes ask for: the services, a transaction, an upload, the place in the queue to ask."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from typing import Annotated

from anyio import CapacityLimiter
from fastapi import Depends, Query, Request
from sqlalchemy.orm import Session

from app import batches, streams, uploads
from app.answering import Answering
from app.callers import Caller, Scope
from app.clock import utc_now
from app.conditional import IfNoneMatch, holds
from app.document_views import DocumentDetail
from app.engine.answerer import Ask
from app.errors import KeysOffError
from app.ingest.unpacking import Member
from app.intake import Upload
from app.limits import Asks
from app.metrics import Metrics
from app.services import Services
from app.watch import Watch


async def get_services(request: Request) -> Services:
    """Return the parts that the application made when it started."""
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


ServicesDep = Annotated[Services, Depends(get_services)]


async def get_metrics(request: Request) -> Metrics:
    """Return what this application counts."""
    metrics = request.app.state.metrics
    assert isinstance(metrics, Metrics)
    return metrics


MetricsDep = Annotated[Metrics, Depends(get_metrics)]


async def get_caller(request: Request) -> Caller:
    """Return who sent the request, if they may read or, to change something, write."""
    is_safe = request.method in ("GET", "HEAD")
    return _require(request, Scope.READ if is_safe else Scope.WRITE)


async def hold_asks(request: Request) -> AsyncIterator[Callable[[int], Caller]]:
    """Give what counts questions, until their response has left."""
    caller = _require(request, Scope.READ)
    asks = request.app.state.asks
    assert isinstance(asks, Asks)
    with ExitStack() as held:

        def hold(num_asks: int) -> Caller:
            held.enter_context(asks.held(caller, num_asks))
            return caller

        yield hold


AskersDep = Annotated[Callable[[int], Caller], Depends(hold_asks)]
"""Counts so many questions, and returns who sent them: it needs the scope `read`, whatever the
request's method."""


async def hold_ask(hold: AskersDep) -> Caller:
    """Count one question, and return who sent it."""
    return hold(1)


async def get_admin(request: Request, services: ServicesDep) -> Caller:
    """Return who sent the request, if they may make and revoke keys."""
    if not services.settings.asks_for_keys:
        raise KeysOffError
    return _require(request, Scope.ADMIN)


async def get_operator(request: Request) -> Caller:
    """Return who sent the request, if they may steer the engine."""
    return _require(request, Scope.ADMIN)


def _require(request: Request, scope: Scope) -> Caller:
    caller = request.state.caller
    assert isinstance(caller, Caller)
    caller.require(scope)
    return caller


CallerDep = Annotated[Caller, Depends(get_caller)]
"""Who sent the request; other methods than GET need the scope `write`."""
AskerDep = Annotated[Caller, Depends(hold_ask)]
"""Who sent a question, which needs the scope `read` whatever its method."""
AdminDep = Annotated[Caller, Depends(get_admin)]
"""Who sent a request about keys, which needs the scope `admin` whatever its method."""
OperatorDep = Annotated[Caller, Depends(get_operator)]
"""Who sent a request about the engine, which needs the scope `admin` whatever its method."""


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
    async with uploads.read_upload(request, services.settings.preset) as upload:
        yield upload


async def get_archive(request: Request, services: ServicesDep) -> AsyncIterator[Upload]:
    """Give the archive that the request uploads."""
    async with uploads.read_archive(request, services.settings.preset) as archive:
        yield archive


ArchiveDep = Annotated[Upload, Depends(get_archive)]


async def lend_members(request: Request, archive: ArchiveDep) -> AsyncIterator[list[Member]]:
    """Lend the files of the archive until the response has left."""
    limiter = request.app.state.unpacking_limiter
    assert isinstance(limiter, CapacityLimiter)
    async with batches.lend_members(archive, limiter) as members:
        yield members


MembersDep = Annotated[list[Member], Depends(lend_members)]


async def get_asking_limiter(request: Request) -> CapacityLimiter:
    """Return the threads that wait for answers: their own, so that others never wait for them."""
    limiter = request.app.state.asking_limiter
    assert isinstance(limiter, CapacityLimiter)
    return limiter


async def get_answering(
    request: Request,
    services: ServicesDep,
    limiter: Annotated[CapacityLimiter, Depends(get_asking_limiter)],
    metrics: MetricsDep,
) -> AsyncIterator[Callable[[Ask], Awaitable[Answering]]]:
    """Give what begins an answer; it ends with the response, or when the client goes."""
    async with AsyncExitStack() as answers:

        async def begin(ask: Ask) -> Answering:
            answering = Answering(services.answerer, ask, limiter, request, metrics.answers)
            return await answers.enter_async_context(answering)

        yield begin


async def get_watch(request: Request) -> Watch:
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
    if_none_match: IfNoneMatch = None,
) -> None:
    """Wait, if that is wished for, until the document changes; not if what is known is outdated."""

    def is_worth(session: Session) -> bool:
        detail = DocumentDetail.read(session, caller.owner, document_id, utc_now())
        return if_none_match is None or holds(detail.tag, if_none_match)

    if wait:
        await streams.wait_for_change(watch, services.database, document_id, is_worth, wait)


WriterDep = Annotated[Session, Depends(get_writer, scope="function")]
ReaderDep = Annotated[Session, Depends(get_reader, scope="function")]
UploadDep = Annotated[Upload, Depends(get_upload)]
AnsweringDep = Annotated[Callable[[Ask], Awaitable[Answering]], Depends(get_answering)]
AskingLimiterDep = Annotated[CapacityLimiter, Depends(get_asking_limiter)]
