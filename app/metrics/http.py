"""Requests by route, method and status: how many, how long until their answer began.

A route is its template, so that no id and no name becomes a label. What is refused before it has a
route, or has none, is `unrouted`; whatever method is none of HTTP's own is `other`.
"""

import time
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

UNROUTED: Final = "unrouted"
_GIVEN_UP = 499  # as nginx has it
_METHODS = frozenset("GET HEAD POST PUT PATCH DELETE OPTIONS".split())
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class HttpMetrics:
    """The requests of one application."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "lift_http_requests",
            "Requests answered, or given up by their client, by route template.",
            ["method", "route", "status"],
            registry=registry,
        )
        self._duration = Histogram(
            "lift_http_request_duration_seconds",
            "Time from a request's head to its answer's head; streams last longer.",
            ["method", "route"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.in_progress = Gauge(
            "lift_http_requests_in_progress",
            "Requests whose answer has not ended, open streams among them.",
            registry=registry,
        )

    def count(self, scope: Scope, status: int, seconds: float) -> None:
        """Count a request whose route, if it has one, is known by now."""
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = getattr(scope.get("route"), "path", UNROUTED)
        self._requests.labels(method, route, str(status)).inc()
        self._duration.labels(method, route).observe(seconds)


class CountedRequests:
    """ASGI middleware that counts all requests."""

    def __init__(self, app: ASGIApp, metrics: HttpMetrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count it when its answer begins."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, is_counted = time.perf_counter(), False

        async def send_counted(message: Message) -> None:
            nonlocal is_counted
            if message["type"] == "http.response.start":
                is_counted = True
                self._metrics.count(scope, message["status"], time.perf_counter() - began)
            await send(message)

        with self._metrics.in_progress.track_inprogress():
            try:
                await self._app(scope, receive, send_counted)
            finally:
                if not is_counted:  # the client went away, or all is lost
                    self._metrics.count(scope, _GIVEN_UP, time.perf_counter() - began)
