"""A document's events as they happen, as server-sent events; and waiting for its next change."""

import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Final

import structlog
from anyio import sleep
from fastapi.sse import EventSourceResponse, format_sse_event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from starlette.responses import Response

from app.clock import utc_now
from app.db import Database
from app.event_views import DocumentEvent
from app.news import News, find_news, require_news
from app.watch import LOOK_SECONDS, Watch

HEADERS: Final = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
"""Of every stream: nothing on its way keeps it."""
_PING_SECONDS = 15.0
_RETRY_MILLISECONDS = 2000
_log = structlog.get_logger()


async def tell(
    watch: Watch, database: Database, owner: str, document_id: str, after: int
) -> Response:
    """Stream a document's events behind `after`, up to the one that ends its newest version.

    Who comes again and has heard all gets 204, upon which a browser does not come again.

    Raises:
        DocumentNotFoundError: its owner has none with this id.
    """
    look = partial(require_news, owner=owner, document_id=document_id, after=after)
    news = await watch.read(database, look)
    if after and news.is_over and not news.events:
        return Response(status_code=204)
    return EventSourceResponse(
        _frames(watch, database, document_id, after, news),
        headers=HEADERS,
    )


async def wait_for_change(
    watch: Watch,
    database: Database,
    document_id: str,
    is_worth: Callable[[Session], bool],
    seconds: float,
) -> None:
    """Return when the document changes, cannot change by itself, or the time is up.

    `is_worth` looks whether there is something to wait for, and may raise. It looks after we do, so
    that no change falls between.
    """
    with watch.place(document_id):
        standing = await watch.standing(database, document_id)
        is_worth_it = await watch.read(database, is_worth)
        if is_worth_it and standing and not standing.is_over:
            await watch.change(database, document_id, standing, seconds)


async def _frames(
    watch: Watch, database: Database, document_id: str, after: int, news: News | None
) -> AsyncIterator[bytes]:
    yield format_sse_event(retry=_RETRY_MILLISECONDS)
    told_at, seen = time.monotonic(), None
    while news:
        for event in news.events:
            yield _frame(DocumentEvent.of(event))
            after, told_at = event.id, time.monotonic()
        if watch.is_ending or (news.is_over and news.is_all):
            return
        if time.monotonic() - told_at >= _PING_SECONDS:
            yield format_sse_event(comment="ping")
            told_at = time.monotonic()
        if news.is_all:
            silent_seconds = told_at + _PING_SECONDS - time.monotonic()
            seen = await watch.change(database, document_id, seen, silent_seconds)
        news = await _next_news(watch, database, document_id, after)
    yield _frame(DocumentEvent.deleted(utc_now()))


async def _next_news(watch: Watch, database: Database, document_id: str, after: int) -> News | None:
    try:
        look = partial(find_news, document_id=document_id, after=after)
        return await watch.read(database, look)
    except SQLAlchemyError as error:
        # The stream's edge: a browser that is refused once would not come again.
        _log.warning("events_unread", document_id=document_id, error=type(error).__name__)
        await sleep(LOOK_SECONDS)
        return News([], is_all=False, is_over=False)


def _frame(event: DocumentEvent) -> bytes:
    return format_sse_event(data_str=event.model_dump_json(), event=event.type, id=event.id)
