"""Waiting for what happens to a document: server-sent events, and the next change.

Whoever waits looks into the database now and then, and holds neither a thread nor a transaction
between two looks. Nothing is passed on from whoever writes a row: any process may have.
"""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import structlog
from anyio import CapacityLimiter, sleep, to_thread
from fastapi.sse import EventSourceResponse, format_sse_event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from starlette.responses import Response

from app import errors
from app.clock import utc_now
from app.db import Database
from app.event_views import DocumentEvent
from app.news import News, find_news, find_standing, require_news

T = TypeVar("T")

_POLL_SECONDS = 0.5
_MOST_POLLS_A_SECOND = 128
"""Of all who wait: the more there are, the more seldom each one looks."""
_PING_SECONDS = 15.0
_RETRY_MILLISECONDS = 2000
_log = structlog.get_logger()


class Streams:
    """All who wait in this process."""

    def __init__(self, most: int = 256) -> None:
        self._most = most
        self._num_waiting = 0
        self._is_ending = False
        self._threads = CapacityLimiter(4)  # their own: nobody else's request waits for a look

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold one of the places to wait at.

        Raises:
            TooManyStreamsError: all are held.
        """
        if self._num_waiting >= self._most:
            raise errors.TooManyStreamsError
        self._num_waiting += 1
        try:
            yield
        finally:
            self._num_waiting -= 1

    def end(self) -> None:
        """Let nobody wait any longer: the server stops, and clients find it again later."""
        self._is_ending = True

    async def tell(self, database: Database, document_id: str, after: int) -> Response:
        """Stream a document's events behind `after`, up to the one that ends its newest version.

        Who comes again and has heard all gets 204, upon which a browser does not come again.

        Raises:
            DocumentNotFoundError: there is none with this id.
        """
        look = partial(require_news, document_id=document_id, after=after)
        news = await self._look(database, look)
        if after and news.is_over and not news.events:
            return Response(status_code=204)
        return EventSourceResponse(
            self._frames(database, document_id, after, news),
            headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
        )

    async def wait_for_change(self, database: Database, document_id: str, seconds: float) -> None:
        """Return when the document's standing changes, cannot change, or the time is up."""
        until = time.monotonic() + seconds
        look = partial(find_standing, document_id=document_id)
        standing = first = await self._look(database, look)
        while standing == first and standing and not standing.is_over:
            if self._is_ending or time.monotonic() >= until:
                return
            await self._pause()
            standing = await self._look(database, look)

    async def _frames(
        self, database: Database, document_id: str, after: int, news: News | None
    ) -> AsyncIterator[bytes]:
        yield format_sse_event(retry=_RETRY_MILLISECONDS)
        told_at = time.monotonic()
        while news:
            for event in news.events:
                yield _frame(DocumentEvent.of(event))
                after, told_at = event.id, time.monotonic()
            if self._is_ending or (news.is_over and news.is_all):
                return
            if time.monotonic() - told_at >= _PING_SECONDS:
                yield format_sse_event(comment="ping")
                told_at = time.monotonic()
            if news.is_all:
                await self._pause()
            news = await self._next_news(database, document_id, after)
        yield _frame(DocumentEvent.deleted(utc_now()))

    async def _next_news(self, database: Database, document_id: str, after: int) -> News | None:
        try:
            look = partial(find_news, document_id=document_id, after=after)
            return await self._look(database, look)
        except SQLAlchemyError as error:
            # The stream's edge: a browser that is refused once would not come again.
            _log.warning("events_unread", document_id=document_id, error=type(error).__name__)
            return News([], is_all=True, is_over=False)

    async def _look(self, database: Database, look: Callable[[Session], T]) -> T:
        def read() -> T:
            with database.reading() as session:
                return look(session)

        return await to_thread.run_sync(read, limiter=self._threads)

    async def _pause(self) -> None:
        await sleep(max(_POLL_SECONDS, self._num_waiting / _MOST_POLLS_A_SECOND))


def _frame(event: DocumentEvent) -> bytes:
    return format_sse_event(data_str=event.model_dump_json(), event=event.type, id=event.id)
