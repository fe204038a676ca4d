"""The API on a real port, in a thread: what a client in the same process cannot show."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI
from httpx_sse import EventSource, ServerSentEvent, connect_sse

from app.embedded.api import run_api
from app.embedded.listening import listening, url_of

_START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Live:
    """A server that answers at `url` until it is stopped."""

    url: str
    thread: threading.Thread
    stopping: threading.Event

    def stop(self) -> None:
        self.stopping.set()
        self.thread.join()


@contextmanager
def live_server(app: FastAPI, port: int = 0) -> Iterator[Live]:
    """Serve an application as `lift api` does, by default on a port that is free."""
    ready, stopping = threading.Event(), threading.Event()

    async def watch() -> None:
        while not stopping.is_set():
            await asyncio.sleep(0.02)

    with listening("127.0.0.1", port) as listener:
        url = url_of(listener)
        thread = threading.Thread(target=lambda: run_api(app, listener, ready.set, watch()))
        thread.start()
        assert ready.wait(_START_SECONDS)
        live = Live(url, thread, stopping)
        try:
            yield live
        finally:
            live.stop()


@contextmanager
def listening_to(
    http: httpx.Client, document_id: str, after: str | None = None, **headers: str
) -> Iterator[EventSource]:
    """Open a document's stream."""
    path = f"/documents/{document_id}/events/stream"
    params = {} if after is None else {"after": after}
    with connect_sse(http, "GET", path, params=params, headers=headers) as source:
        yield source


def told(events: Iterator[ServerSentEvent]) -> list[tuple[str, Any]]:
    """Return what a stream tells up to its end: types and data."""
    return [(event.event, event.json()["data"]) for event in events if event.data]


def soon(act: Callable[[], object], seconds: float = 0.7) -> threading.Timer:
    """Do something while the test waits."""
    timer = threading.Timer(seconds, act)
    timer.start()
    return timer
