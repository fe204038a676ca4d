"""Requests, counted: by templates and bounded words, whoever asks for what."""

import anyio
import httpx
import pytest
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry, generate_latest
from starlette.types import Receive, Scope, Send

from app.metrics.http import CountedRequests, HttpMetrics
from tests.app.live import listening_to
from tests.app.metrics.parsed import Parsed
from tests.waiting import wait_until

REQUESTS, DURATION = "lift_http_requests_total", "lift_http_request_duration_seconds_count"


def read(client: TestClient | httpx.Client) -> Parsed:
    return Parsed(client.get("/metrics").text)


def test_requests_are_counted_by_template(client: TestClient, document_id: str) -> None:
    """Two documents are one route."""
    for _ in range(2):
        client.get(f"/documents/{document_id}")
    client.get("/documents/doc_unknown")

    told = read(client)

    route = "/documents/{document_id}"
    assert told.value(REQUESTS, method="GET", route=route, status="200") == 2
    assert told.value(REQUESTS, method="GET", route=route, status="404") == 1
    assert told.value(DURATION, method="GET", route=route) == 3


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/canary", {}, "404"),
        ("GET", "/healthz", {"host": "evil.example"}, "421"),
        ("CANARY", "/canary", {}, "404"),
    ],
)
def test_what_has_no_route_adds_no_label(
    client: TestClient, method: str, path: str, headers: dict[str, str], status: str
) -> None:
    """Strangers cannot make us count by words of theirs."""
    client.request(method, path, headers=headers)

    told = read(client)

    known = "GET" if method == "GET" else "other"
    assert told.value(REQUESTS, method=known, route="unrouted", status=status) == 1
    assert "canary" not in told.text.lower()


def test_open_streams_are_in_progress(http: httpx.Client, live_id: str) -> None:
    """A stream counts from its beginning to its end; its latency is that of its first byte."""
    with listening_to(http, live_id) as source:
        assert source.response.status_code == 200
        with httpx.Client(base_url=http.base_url, trust_env=False) as other:
            during = read(other)
    with httpx.Client(base_url=http.base_url, trust_env=False) as other:
        wait_until(lambda: read(other).value("lift_http_requests_in_progress") == 1)  # itself

    assert during.value("lift_http_requests_in_progress") == 2
    route = "/documents/{document_id}/events/stream"
    assert during.value(REQUESTS, method="GET", route=route, status="200") == 1


def test_request_without_an_answer_is_counted() -> None:
    """Nobody heard its status: the client went away, or all is lost."""
    registry = CollectorRegistry()

    async def fall_silent(_: Scope, __: Receive, ___: Send) -> None:
        raise ConnectionError

    counted = CountedRequests(fall_silent, HttpMetrics(registry))
    scope = {"type": "http", "method": "POST"}
    with pytest.raises(ConnectionError):
        anyio.run(counted, scope, None, None)

    told = Parsed(generate_latest(registry).decode())
    assert told.value(REQUESTS, method="POST", route="unrouted", status="499") == 1
    assert told.value("lift_http_requests_in_progress") == 0
