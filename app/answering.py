"""An answer as it comes, for those who wait for it without a thread of their own."""

import asyncio
from contextlib import closing, suppress
from dataclasses import replace
from threading import Event
from typing import Final, Self

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request

from app import questions
from app.engine.answerer import Answerer, Ask, Piece, Reply
from app.errors import ApiError
from app.metrics.answers import AnswerMetrics
from app.tracing.answers import traced

SILENCE_SECONDS: Final = 15.0
"""Whoever listens is told that the server is alive when the model says nothing for so long."""


class ListenerGoneError(ApiError):
    """The client went away before the answer was complete."""

    code, status = "listener_gone", 408


class Answering:
    """One answer, in one thread from the first token to the last: what the engine sets up for a
    computation belongs to the thread.

    Leaving the context ends the answer within a token, and so does the client's leaving.
    """

    def __init__(
        self,
        answerer: Answerer,
        ask: Ask,
        limiter: CapacityLimiter,
        request: Request,
        metrics: AnswerMetrics,
    ) -> None:
        self._request, self._metrics = request, metrics
        self._said: asyncio.Queue[Piece | Reply | Exception] = asyncio.Queue()
        self._gone = Event()
        self._ask = replace(ask, is_wanted=lambda: not self._gone.is_set())
        self._answerer, self._limiter = answerer, limiter

    async def __aenter__(self) -> Self:
        """Begin, as soon as one of the limiter's threads is free."""
        self._loop = asyncio.get_running_loop()
        speaking = to_thread.run_sync(self._speak, limiter=self._limiter)
        self._speaking = asyncio.create_task(speaking)
        self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the answer."""
        self._watching.cancel()
        self._gone.set()

    async def hear(self) -> Piece | Reply | None:
        """Return what is said next, the reply at last; None if nothing is said for long.

        Raises:
            ApiError: what `questions.stream` raises, or nobody listens any more.
            StoreError: the store cannot be reached.
        """
        try:
            said = await asyncio.wait_for(self._said.get(), SILENCE_SECONDS)
        except TimeoutError:
            return None
        if isinstance(said, Exception):
            raise said
        return said

    async def hear_all(self) -> tuple[list[Piece], Reply]:
        """Wait for the whole answer; raises what `hear` does."""
        pieces: list[Piece] = []
        while True:
            match await self.hear():
                case Piece() as piece:
                    pieces.append(piece)
                case Reply() as reply:
                    return pieces, reply

    async def _watch(self) -> None:
        while (await self._request.receive())["type"] != "http.disconnect":
            pass  # the rest of a body that nobody reads
        self._gone.set()
        self._said.put_nowait(ListenerGoneError())

    def _speak(self) -> None:
        with suppress(RuntimeError):  # the event loop is closed: nobody is left to tell
            try:
                self._speak_pieces()
            except Exception as error:  # raised again by whoever listens
                self._tell(error)

    def _speak_pieces(self) -> None:
        answer = traced(self._ask, questions.stream(self._answerer, self._ask))
        with closing(self._metrics.measured(answer)) as pieces:
            while not self._gone.is_set():
                said = next(pieces)
                self._tell(said)
                if isinstance(said, Reply):
                    return

    def _tell(self, said: Piece | Reply | Exception) -> None:
        self._loop.call_soon_threadsafe(self._said.put_nowait, said)
