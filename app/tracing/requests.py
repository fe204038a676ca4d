"""A span for each request. FastAPI's own would tell the query, in which parts of titles stand."""

from opentelemetry.trace import SpanKind, StatusCode
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access import OPEN_PATHS
from app.request_ids import current_request_id
from app.tracing.spans import continued, span


class TracedRequests:
    """ASGI middleware. What looks after the server's health is not traced."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, in the trace that it came with or in a new one."""
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        known = {"http.request.method": method, "lift.request_id": current_request_id()}
        with (
            continued(Headers(scope=scope).get("traceparent")),
            span(method, known, SpanKind.SERVER) as traced,
        ):

            async def send_traced(message: Message) -> None:
                if message["type"] == "http.response.start":
                    traced.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= 500:
                        traced.set_status(StatusCode.ERROR)
                await send(message)

            try:
                await self._app(scope, receive, send_traced)
            finally:
                if route := getattr(scope.get("route"), "path", None):
                    traced.update_name(f"{method} {route}")
                    traced.set_attribute("http.route", route)
