"""What users wrote is in no log, at any level, and in no refusal, whatever goes wrong."""

import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError

from app import intake, questions
from app.db import Database
from app.engine.errors import EngineFailedError
from app.logs import configure_logging
from app.storage import Store, StoreError
from tests.app.live import Live
from tests.fakes import FakeAnswerer
from tests.ingest.made import make_zip
from tests.rows import make_ready

TEXT, QUESTION, TITLE, FILE = "canarytext", "canaryquestion", "canarytitle", "canaryfile"
SECRET = "lift_canarykey" + "x" * 29
BEARER = {"Authorization": f"Bearer {SECRET}"}


@pytest.fixture(autouse=True)
def _everything_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    """Our own events and those of all libraries, from the lowest level on."""
    monkeypatch.setattr("app.main.configure_logging", lambda **_: configure_logging("debug"))
    caplog.set_level(logging.DEBUG)
    yield
    configure_logging()


@pytest.fixture
def ready_id(client: TestClient, database: Database, store: Store) -> str:
    """A document that can be asked."""
    body = {"text": f"The {TEXT}.", "title": TITLE}
    document_id = str(client.post("/documents", json=body, headers=BEARER).json()["id"])
    make_ready(database, store, document_id)
    return document_id


def ask(client: TestClient, document_id: str, **more: Any) -> httpx.Response:
    body = {"question": f"Where is the {QUESTION}?", **more}
    return client.post(f"/documents/{document_id}/ask", json=body, headers=BEARER)


def chat(client: TestClient, model: str, **more: Any) -> httpx.Response:
    messages = [{"role": "user", "content": QUESTION}]
    body = {"model": model, "messages": messages, **more}
    return client.post("/v1/chat/completions", json=body, headers=BEARER)


def upload(
    client: TestClient, content: bytes, path: str = "/documents", **fields: str
) -> httpx.Response:
    files = {"file": (f"{FILE}.txt", content)}
    data = {"title": TITLE, **fields} if path == "/documents" else fields
    return client.post(path, files=files, data=data, headers=BEARER)


def wrong_requests(client: TestClient, document_id: str) -> Iterator[httpx.Response]:
    """Give what is answered to requests that hold a canary each, and something wrong."""
    marked = f"\ud83d\udc26 {TEXT}".encode("utf-16", "surrogatepass")
    for content in (b"\0" + TEXT.encode(), b"\x89PNG\r\n\x1a\n" + TEXT.encode(), marked[:-1]):
        yield upload(client, content)
    yield upload(client, TEXT.encode(), preset="none")
    yield upload(client, TEXT.encode(), options="{" + TEXT)
    yield upload(client, TEXT.encode(), priority=f"{TITLE}")
    yield upload(client, TEXT.encode() * 2000)
    yield upload(
        client, make_zip({"a.txt": TEXT, "b.png": b"\x89PNG\r\n" + TEXT.encode()}), "/batches"
    )
    yield upload(client, TEXT.encode(), "/batches")
    for body in (
        {"text": [TEXT]},
        {"text": TEXT, "title": [TITLE]},
        {"text": TEXT, "title": TITLE + "\n" + TITLE},
    ):
        yield client.post("/documents", json=body, headers=BEARER)
    yield client.post("/documents", json=[TEXT], headers=BEARER)
    json = {"Content-Type": "application/json"}
    yield client.post("/documents", content=b'{"text": "' + TEXT.encode(), headers=BEARER | json)
    yield ask(client, document_id, max_tokens=QUESTION)
    yield ask(client, document_id, max_tokens=10**6)
    yield ask(client, document_id, temperature=[QUESTION])
    yield ask(client, document_id, turns=QUESTION)
    yield client.post(f"/documents/{document_id}/ask", json={"question": [QUESTION]})
    yield client.post(f"/documents/{document_id}/ask", json=QUESTION)
    yield chat(client, "doc-none")
    yield chat(client, document_id, n=2)
    yield chat(client, document_id, stop=[[QUESTION]])
    yield client.get("/documents", params={"limit": "x"}, headers=BEARER | {"Host": "elsewhere"})


def heard(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> str:
    """Return all that was logged so far, by whomever."""
    told = capfd.readouterr()
    return told.out + told.err + caplog.text


def assert_silent(*told: str) -> None:
    for canary in (TEXT, QUESTION, TITLE, FILE, SECRET):
        assert not [text for text in told if canary in text], canary


def test_refusals_repeat_nothing(
    client: TestClient,
    ready_id: str,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A wrong request is told what is wrong with it, not what it said."""
    responses = list(wrong_requests(client, ready_id))

    assert {response.status_code for response in responses} <= {400, 404, 409, 413, 415, 421, 422}
    assert_silent(heard(capfd, caplog), *(response.text for response in responses))


CRASHES = [
    RuntimeError(f"{TEXT} {QUESTION} {TITLE}"),
    EngineFailedError("no memory left"),
    StoreError("the bucket is away"),
    OperationalError(f"INSERT {TITLE}", {"text": TEXT}, sqlite3.OperationalError("disk full")),
]


@pytest.mark.parametrize("error", CRASHES, ids=lambda error: type(error).__name__)
def test_crashes_say_nothing_of_what_they_were_about(
    client: TestClient,
    answerer: FakeAnswerer,
    ready_id: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    """Engine, store and database fail in the middle of an answer or an upload."""
    answerer.error = error
    responses = [ask(client, ready_id), ask(client, ready_id, stream=True), chat(client, ready_id)]

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(questions, "prepare", fail)
    monkeypatch.setattr(intake, "create", fail)
    responses += [ask(client, ready_id), upload(client, TEXT.encode())]

    assert min(response.status_code for response in responses[-2:]) >= 500
    assert_silent(heard(capfd, caplog), *(response.text for response in responses))


def test_server_repeats_no_crash(
    live: Live,
    live_app: FastAPI,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What runs the application logs nothing of an exception that it has logged itself."""

    def fail(*_: object) -> None:
        raise RuntimeError(TEXT)

    monkeypatch.setattr(intake, "create", fail)
    response = httpx.post(f"{live.url}/documents", json={"text": TEXT}, trust_env=False)

    told = heard(capfd, caplog)
    assert response.status_code == 500
    assert '"type": "builtins.RuntimeError"' in told
    assert "app/routes/documents.py:" in told
    assert_silent(told, response.text)


def test_cause_of_a_crash_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    """Each exception of the chain is there, with the way through the code, and a disk's trouble."""
    configure_logging()
    from structlog import get_logger

    try:
        try:
            Path("/nowhere/at/all").read_text()
        except OSError as error:
            raise ValueError(TEXT) from error
    except ValueError:
        get_logger().exception("it_failed")

    told = capfd.readouterr().err
    assert "builtins.ValueError" in told
    assert "No such file or directory" in told
    assert "tests/app/test_canaries.py:" in told
    assert_silent(told)
