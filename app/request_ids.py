"""Gives every request an id: its answer, its problem and all that is logged for it bear it."""

import re
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.clock import new_id

HEADER: Final = "X-Request-Id"
_NAME = "request_id"
_TAKEN = re.compile(r"[A-Za-z0-9._-]{1,128}")


class RequestIds:
    """ASGI middleware, the outermost: what answers a crash is within it, too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on under the id that it came with, or under a new one."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _sent_id(scope) or new_id("req")

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(**{_NAME: request_id}):
            await self._app(scope, receive, send_with_id)


def current_request_id() -> str:
    """Return the id of the request that is being answered; empty outside of one."""
    request_id = structlog.contextvars.get_contextvars().get(_NAME, "")
    assert isinstance(request_id, str)
    return request_id


def _sent_id(scope: Scope) -> str | None:
    """Return what the client calls the request, if that can stand in a header and in a log."""
    sent = Headers(scope=scope).get(HEADER, "")
    return sent if _TAKEN.fullmatch(sent) else None
