"""Runs the API on an open socket in this process, with uvicorn."""

import asyncio
import logging
import socket
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import uvicorn
from fastapi import FastAPI

_OPEN_REQUESTS_SECONDS = 5
_OPEN_ANSWERS_SECONDS = 4
"""Less than other requests get: an answer that is ended early has to say so."""


def run_api(
    app: FastAPI,
    listener: socket.socket,
    when_ready: Callable[[], None],
    watch: Coroutine[Any, Any, None] | None = None,
) -> None:
    """Answer requests until a signal comes or `watch` raises, which then is raised here.

    Open requests are given a few seconds to end; those that only wait are ended, and so are answers
    that take longer.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=_OPEN_REQUESTS_SECONDS,
    )

    def stop_answers() -> None:
        app.state.services.answerer.close()

    logging.getLogger("uvicorn.error").addFilter(_is_news)
    server = _Server(config, when_ready, app.state.watch.end, stop_answers)
    asyncio.run(_run(server, listener, watch or _forever()))


def _is_news(record: logging.LogRecord) -> bool:
    """Leave out crashed requests: the application has logged them, without what they say."""
    return not record.getMessage().startswith("Exception in ASGI application")


class _Server(uvicorn.Server):
    def __init__(
        self,
        config: uvicorn.Config,
        when_ready: Callable[[], None],
        when_stopping: Callable[[], None],
        when_impatient: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._when_ready, self._when_stopping = when_ready, when_stopping
        self._when_impatient = when_impatient

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._when_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._when_stopping()
        loop = asyncio.get_running_loop()
        stop = partial(loop.run_in_executor, None, self._when_impatient)  # it waits for the model
        loop.call_later(_OPEN_ANSWERS_SECONDS, stop)
        await super().shutdown(sockets)

    def stop(self, _: object) -> None:
        self.should_exit = True


async def _run(server: _Server, listener: socket.socket, watch: Coroutine[Any, Any, None]) -> None:
    watching = asyncio.create_task(watch)
    watching.add_done_callback(server.stop)
    await server.serve(sockets=[listener])
    if watching.done():
        watching.result()


async def _forever() -> None:
    await asyncio.Event().wait()
