"""Requests that are too large are cut off, and told the limit."""

import asyncio
from collections.abc import Iterator

import pytest
from fastapi import Body, FastAPI
from fastapi.testclient import TestClient
from starlette.types import Message, Scope

from app.body_limit import BodyLimit, body_limit
from app.errors import ApiError
from app.problems import handle_exception

LIMIT = 1000


@pytest.fixture
def app() -> FastAPI:
    """An application whose only route lets FastAPI read the body."""
    app = FastAPI(exception_handlers={ApiError: handle_exception})
    app.add_middleware(BodyLimit, limit_of=lambda _: LIMIT)

    @app.post("/")
    def count(text: str = Body(embed=True)) -> int:
        return len(text)

    return app


def test_body_within_the_limit_passes(app: FastAPI) -> None:
    """A body of allowed size reaches its route."""
    with TestClient(app) as client:
        response = client.post("/", json={"text": "x" * 900})

    assert response.json() == 900


def test_declared_length_over_the_limit_returns_413(app: FastAPI) -> None:
    """A body that says that it is too large is refused, with the limit."""
    with TestClient(app) as client:
        response = client.post("/", json={"text": "x" * 1000})

    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == "body_too_large"
    assert response.json()["limit_bytes"] == LIMIT


def test_declared_length_over_the_limit_is_not_read(app: FastAPI) -> None:
    """Nothing is read of a body that says that it is too large."""
    num_read, status = asyncio.run(_post_chunks(app, [(b"content-length", b"2000")]))

    assert (num_read, status) == (0, 413)


def test_chunked_body_is_cut_off_while_it_is_read(app: FastAPI) -> None:
    """Without a declared length, reading stops at the first chunk over the limit."""
    num_read, status = asyncio.run(_post_chunks(app, []))

    assert (num_read, status) == (11, 413)


@pytest.mark.parametrize(
    ("method", "path", "limit"),
    [
        ("POST", "/documents", 5000 + 64 * 1024),
        ("POST", "/documents/doc_1/ask", 1024 * 1024),
        ("PUT", "/documents", 1024 * 1024),
    ],
)
def test_only_uploads_may_be_as_large_as_a_document(method: str, path: str, limit: int) -> None:
    """Every other request has the small limit."""
    scope = {"method": method, "path": path}

    assert body_limit(scope, max_document_bytes=5000) == limit


async def _post_chunks(app: FastAPI, headers: list[tuple[bytes, bytes]]) -> tuple[int, int]:
    """Post an endless body of 100 byte chunks; return how many were read, and the status."""
    scope: Scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), *headers],
    }
    chunks: Iterator[Message] = iter(
        lambda: {"type": "http.request", "body": b"x" * 100, "more_body": True}, None
    )
    num_read = 0
    statuses: list[int] = []

    async def receive() -> Message:
        nonlocal num_read
        num_read += 1
        return next(chunks)

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, send)
    return num_read, statuses[0]
