"""The API as one application: what it starts, what it stops, where its requests go."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial
from typing import Final

from anyio import CapacityLimiter
from fastapi import FastAPI
from fastapi.concurrency import contextmanager_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from app import batches
from app.access import Access
from app.body_limit import BodyLimit, body_limit
from app.db import Database
from app.dispatch import Dispatcher
from app.embedded.engine import start_engine
from app.engine.answerer import Answerer
from app.engine.apart.answering import ApartAnswerer
from app.engine.apart.messages import Load
from app.idempotency import AnsweredBefore
from app.library import Library
from app.limits import Asks
from app.logs import configure_logging
from app.metrics import Metrics
from app.metrics.http import CountedRequests
from app.openai.slashes import ForgivenSlashes
from app.openapi import Limits
from app.openapi.serving import DescribedApi
from app.outbox import Sweeper
from app.own_host import OwnHost, own_hosts
from app.problems import handle_exception
from app.rates import Rates
from app.request_ids import RequestIds
from app.routes import (
    adapters,
    documents,
    events,
    health,
    joint_questions,
    keys,
    metrics,
    openai,
    questions,
    versions,
)
from app.routes import batches as batch_routes
from app.routes import limits as limit_routes
from app.services import Services
from app.settings import Settings
from app.storage import StoreError, open_store
from app.tracing import configure_tracing
from app.tracing.requests import TracedRequests
from app.watch import Watch
from app.web.serving import page_routes

API_VERSION: Final = "0.1.0"
"""Version of the contract, that of the distribution."""
AnswererFactory = Callable[[Settings], Answerer]

_REFUSALS: tuple[type[Exception], ...] = (
    HTTPException,
    RequestValidationError,
    StoreError,
    OperationalError,
    PoolTimeoutError,
    Exception,
)
_NO_TELEMETRY: Final = {"tracing": False, "metrics": False, "logs": False}
"""FastAPI's own would tell queries and what exceptions say."""
_SPARE_THREADS = 16  # for questions that the engine refuses, since too many wait


def create_app(
    settings: Settings | None = None, answerer_factory: AnswererFactory | None = None
) -> FastAPI:
    """Make the application; the model is loaded when it starts, not here.

    `answerer_factory` makes what answers questions; the default loads the base model.
    """
    settings = settings or Settings()
    app = _Api(
        Limits(settings.max_document_bytes, settings.max_answer_tokens),
        title="LIFT Server",
        version=API_VERSION,
        description="Turns each long document into a small trained memory and answers from it.",
        servers=[{"url": "/"}],
        docs_url=None,  # these pages fetch their scripts from elsewhere; nothing here does
        redoc_url=None,
        telemetry=_NO_TELEMETRY,
        lifespan=_lifespan(settings, answerer_factory or load_resident_answerer),
        generate_unique_id_function=_operation_id,
        exception_handlers={
            **dict.fromkeys(_REFUSALS, handle_exception),
            AnsweredBefore: _answer_again,
        },
    )
    for routes in (
        documents,
        batch_routes,
        versions,
        events,
        questions,
        joint_questions,
        openai,
        adapters,
        keys,
        limit_routes,
        health,
        metrics,
    ):
        app.include_router(routes.router)
    app.router.routes.extend(page_routes())
    app.state.watch, app.state.asks, app.state.metrics = Watch(), Asks(), Metrics()
    limit_of = partial(body_limit, max_document_bytes=settings.max_document_bytes)
    app.add_middleware(BodyLimit, limit_of=limit_of)
    app.add_middleware(Access)
    app.add_middleware(OwnHost, hosts=own_hosts(settings.host, settings.allowed_hosts))
    app.add_middleware(ForgivenSlashes)
    return app


def load_resident_answerer(settings: Settings) -> Answerer:
    """Load the base model, into this process or into one of its own."""
    return _load_apart(settings) if settings.engine == "process" else _load_here(settings)


@contextmanager
def running_services(settings: Settings, answerer_factory: AnswererFactory) -> Iterator[Services]:
    """Make all parts and start the sweeper; at the end, stop it and close the connections."""
    database = Database(settings.resolved_database_url)
    broker_url = _require_broker(settings)
    dispatcher, rates = Dispatcher(broker_url, settings.job_timeout_seconds), Rates(broker_url)
    store = open_store(settings)
    answerer = answerer_factory(settings)
    services = Services(settings, database, store, dispatcher, answerer, rates, Library(store))
    sweeper = Sweeper(
        database,
        dispatcher,
        store,
        max_attempts=settings.max_attempts,
        pause_seconds=settings.sweep_seconds,
        lease_seconds=settings.lease_seconds,
    )
    sweeper.start()
    try:
        yield services
    finally:
        services.answerer.close()
        sweeper.stop()
        dispatcher.close()
        rates.close()
        database.dispose()


def _load_here(settings: Settings) -> Answerer:
    from app.engine.batching import BatchingAnswerer, EngineLimits
    from app.lift.base_model import load_base_model

    answerer: Answerer = BatchingAnswerer(
        load_base_model(**settings.base_model), EngineLimits(**settings.engine_limits)
    )
    return answerer


def _load_apart(settings: Settings) -> Answerer:
    return ApartAnswerer(start_engine, Load(settings.base_model, settings.engine_limits))


class _Api(DescribedApi):
    def build_middleware_stack(self) -> ASGIApp:
        """Put what names requests around everything, around what answers a crash, too."""
        answering = RequestIds(TracedRequests(super().build_middleware_stack()))
        return CountedRequests(answering, self.state.metrics.http)


async def _answer_again(_: Request, error: Exception) -> Response:
    assert isinstance(error, AnsweredBefore)
    return error.response


def _lifespan(
    settings: Settings, answerer_factory: AnswererFactory
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        configure_logging(form=settings.log_format)
        configure_tracing("api")
        starting = contextmanager_in_threadpool(running_services(settings, answerer_factory))
        async with starting as services:
            app.state.services = services
            app.state.asking_limiter = CapacityLimiter(
                settings.answers_at_once + settings.waiting_questions + _SPARE_THREADS
            )
            app.state.unpacking_limiter = CapacityLimiter(batches.MOST_AT_ONCE)
            yield

    return lifespan


def _operation_id(route: APIRoute) -> str:
    return route.name


def _require_broker(settings: Settings) -> str:
    if settings.broker_url is None:
        raise ValueError("LIFT_BROKER_URL is not set; `lift serve` starts a broker of its own")
    return settings.broker_url
