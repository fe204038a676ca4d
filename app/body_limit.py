"""Cuts a request off while it is read, as soon as its body is larger than its path allows."""

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import BodyTooLargeError
from app.problems import problem_response

FORM_BYTES = 64 * 1024
"""What may stand around and beside an uploaded file."""
_UPLOADING = frozenset(["/documents", "/batches"])
BODY_BYTES = 1024 * 1024
"""Of all other requests."""


def body_limit(scope: Scope, max_document_bytes: int) -> int:
    """Return the largest body, in bytes, that a request may have."""
    if scope["method"] == "POST" and scope["path"] in _UPLOADING:
        return max_document_bytes + FORM_BYTES
    return BODY_BYTES


class BodyLimit:
    """ASGI middleware. A declared length is judged at once, an undeclared one is counted."""

    def __init__(self, app: ASGIApp, limit_of: Callable[[Scope], int]) -> None:
        self._app = app
        self._limit_of = limit_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit_of(scope)
        if _declared_bytes(scope) > limit:
            response = problem_response(scope["path"], _too_large(limit))
            await response(scope, receive, send)
            return
        await self._app(scope, _counting(receive, limit), send)


def _declared_bytes(scope: Scope) -> int:
    length = Headers(scope=scope).get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else 0


def _counting(receive: Receive, limit: int) -> Receive:
    num_bytes = 0

    async def receive_counted() -> Message:
        nonlocal num_bytes
        message = await receive()
        num_bytes += len(message.get("body", b""))
        if num_bytes > limit:
            raise _too_large(limit)
        return message

    return receive_counted


def _too_large(limit: int) -> BodyTooLargeError:
    return BodyTooLargeError(
        f"the request's body is larger than the {limit} bytes allowed here; send less",
        limit_bytes=limit,
    )
