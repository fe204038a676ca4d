"""A server that plays documents back as they were written down for it, and an installation."""

import json
import threading
from collections.abc import Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.cli.main import app
from app.db import Database
from app.storage.folder import FolderStore
from tests.app.doctor.installation import Installation


class PlayedServer(ThreadingHTTPServer):
    """Answers `METHOD /path` with the next of the bodies given for it; the last one stays."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.requests: list[tuple[str, bytes]] = []
        self.headers: list[Message] = []
        self._bodies: dict[str, list[tuple[int, Any]]] = {}

    def play(self, request: str, *bodies: Any, status: int = 200) -> None:
        self._bodies[request] = [(status, body) for body in bodies]

    def next_body(self, request: str) -> tuple[int, Any]:
        bodies = self._bodies[request]
        return bodies.pop(0) if len(bodies) > 1 else bodies[0]


class _Handler(BaseHTTPRequestHandler):
    server: PlayedServer

    def handle_any(self) -> None:
        request = f"{self.command} {self.path}"
        self.server.headers.append(self.headers)
        length = int(self.headers.get("content-length", 0))
        self.server.requests.append((request, self.rfile.read(length)))
        status, body = self.server.next_body(request)
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = handle_any  # noqa: N815  the base class calls them so

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""


@pytest.fixture
def played() -> Iterator[PlayedServer]:
    with PlayedServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def document(status: str, **fields: Any) -> dict[str, Any]:
    """Return a document as the server tells of it."""
    return {"id": "d1", "title": "A [title]", "status": status, "losses": []} | fields


def problem(status: int, code: str, detail: str) -> dict[str, Any]:
    """Return a problem as the server tells of it."""
    return {"title": "Title.", "status": status, "code": code, "detail": detail}


def lift(*arguments: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture
def installation(
    sqlite: Database, store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Installation:
    """A healthy installation, which the environment names."""
    monkeypatch.setenv("LIFT_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "400")
    installation = Installation(sqlite, store)
    installation.fill()
    return installation
