"""Waiting for what happens to documents. Knows no HTTP.

Their rows are looked at now and then, once for all who wait, and nobody holds a thread or a
transaction between two looks. Nothing is passed on from whoever writes a row: any process may have.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import structlog
from anyio import CapacityLimiter, Lock, sleep, to_thread
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app import errors
from app.db import Database
from app.news import Standing, find_standings

T = TypeVar("T")

LOOK_SECONDS = 0.5
_log = structlog.get_logger()


class Watch:
    """All who wait in this process, and where the documents stand that they wait for."""

    def __init__(self, most: int = 256) -> None:
        self._most = most
        self._waiting: Counter[str] = Counter()
        self._is_ending = False
        self._standings: dict[str, Standing | None] = {}
        self._looked_at = 0.0
        self._looking = Lock()
        self._threads = CapacityLimiter(4)  # their own: nobody else's request waits for a look

    @contextmanager
    def place(self, document_id: str) -> Iterator[None]:
        """Hold one of the places to wait at.

        Raises:
            TooManyStreamsError: all are held.
        """
        if self._waiting.total() >= self._most:
            raise errors.TooManyStreamsError
        self._waiting[document_id] += 1
        self._standings.pop(document_id, None)  # who comes after a change has to see it
        try:
            yield
        finally:
            self._waiting[document_id] -= 1
            self._waiting += Counter()  # drops whom nobody waits for

    def end(self) -> None:
        """Let nobody wait any longer: the server stops, and clients find it again later."""
        self._is_ending = True

    @property
    def is_ending(self) -> bool:
        """Whether the server stops."""
        return self._is_ending

    async def change(
        self, database: Database, document_id: str, seen: Standing | None, seconds: float
    ) -> Standing | None:
        """Return where a document stands, None if it is gone, as soon as that is not `seen`; and
        if the time is up. Whoever calls this holds a place.
        """
        until = time.monotonic() + seconds
        while (standing := await self.standing(database, document_id)) == seen:
            left = until - time.monotonic()
            if left <= 0 or self._is_ending:
                break
            await sleep(min(left, LOOK_SECONDS))
        return standing

    async def standing(self, database: Database, document_id: str) -> Standing | None:
        """Return where a document stood a moment ago. Whoever calls this holds a place."""
        if not self._is_fresh(document_id):
            async with self._looking:
                if not self._is_fresh(document_id):  # who held the lock may have looked for us, too
                    await self._look(database)
        return self._standings.get(document_id)

    async def read(self, database: Database, look: Callable[[Session], T]) -> T:
        """Read something without holding anybody up."""

        def read() -> T:
            with database.reading() as session:
                return look(session)

        return await to_thread.run_sync(read, limiter=self._threads)

    def _is_fresh(self, document_id: str) -> bool:
        is_new = time.monotonic() - self._looked_at < LOOK_SECONDS
        return is_new and document_id in self._standings

    async def _look(self, database: Database) -> None:
        asked = list(self._waiting)
        self._looked_at = time.monotonic()
        try:
            found = await self.read(database, partial(find_standings, document_ids=asked))
        except SQLAlchemyError as error:
            # The edge of waiting: a database that is away may be back at the next look.
            _log.warning("standings_unread", error=type(error).__name__)
        else:
            self._standings = {document_id: found.get(document_id) for document_id in asked}
