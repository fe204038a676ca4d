"""`POST /documents/{id}/ask`: answers, and what stands in their way."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from app import attempts, jobs
from app.db import Database
from app.engine.errors import EngineError, QuestionTooLongError, UnusableAdapterError
from app.jobs import Failure
from app.lift.presets import PRESETS
from app.main import create_app
from app.settings import Settings
from app.storage import Store
from tests.fakes import FakeAnswerer
from tests.rows import NOON, make_ready, parse


@pytest.fixture
def ready_id(database: Database, store: Store, document_id: str) -> str:
    """A document with an adapter."""
    make_ready(database, store, document_id)
    return document_id


def ask(client: TestClient, document_id: str, **body: Any) -> Any:
    return client.post(f"/documents/{document_id}/ask", json={"question": "Who?"} | body)


def test_answer_tells_all_that_the_engine_said(client: TestClient, ready_id: str) -> None:
    """Text, memory share, usage, timings and the adapter's version are in the answer."""
    response = ask(client, ready_id)

    assert response.status_code == 200
    assert response.json() == {
        "answer": "Who? in 9 characters",
        "memory_share": 0.25,
        "memory": "used",
        "context": "truncated",
        "finish_reason": "stop",
        "evidence": [],
        "usage": {"prompt_tokens": 20, "completion_tokens": 4, "dropped_turns": 0},
        "timings": {"swap_seconds": 0.1, "first_token_seconds": 0.2, "total_seconds": 0.3},
        "adapter_sha256": "a" * 64,
        "adapter_version": 1,
    }


def test_engine_gets_the_adapter_and_the_settings_of_the_upload(
    client: TestClient, api_settings: Settings, answerer: FakeAnswerer, ready_id: str
) -> None:
    """The engine is handed this document's file, text and method."""
    ask(client, ready_id, max_tokens=7)

    (asked,) = answerer.asks
    assert asked.adapter is not None
    with asked.adapter.fetch() as path:
        assert path.read_bytes() == b"adapter"
    assert asked.read_text() == "Its text."
    assert (asked.max_tokens, asked.method) == (7, PRESETS[api_settings.preset])


def test_memory_off_asks_the_bare_model(
    client: TestClient, answerer: FakeAnswerer, ready_id: str
) -> None:
    """Without memory no adapter goes to the engine, and none is named."""
    body = ask(client, ready_id, memory="off").json()

    assert answerer.asks[0].adapter is None
    assert (body["memory"], body["memory_share"], body["adapter_sha256"]) == ("off", None, None)


def test_ask_before_ready_returns_409(
    client: TestClient, database: Database, store: Store, answerer: FakeAnswerer, document_id: str
) -> None:
    """The problem tells status, stage and progress; the base model is never asked instead."""
    lease = parse(database, store, document_id)
    with database.writing() as session:
        attempts.start_stage(session, lease, "train", 40, "steps", NOON)

    response = ask(client, document_id)

    problem = response.json()
    assert (response.status_code, problem["code"]) == (409, "document_not_ready")
    assert (problem["document_status"], problem["stage"]) == ("running", "train")
    assert problem["progress"] == {
        "completed": 0,
        "total": 40,
        "unit": "steps",
        "eta_seconds": None,
    }
    assert answerer.asks == []


def test_memory_off_needs_no_worker(client: TestClient, document_id: str) -> None:
    """A text that nobody parsed yet is parsed for the question, and there from then on."""
    before = client.get(f"/documents/{document_id}/text").status_code
    answer = ask(client, document_id, memory="off").json()
    text = client.get(f"/documents/{document_id}/text").text

    assert (before, answer["answer"], text) == (409, "Who? in 9 characters", "Its text.")


def test_ask_a_failed_document_returns_409_with_the_reason(
    client: TestClient, database: Database, store: Store, document_id: str
) -> None:
    """The problem says why there is no memory."""
    lease = parse(database, store, document_id)
    failure = Failure("document_refused", "It is too short.", retryable=False)
    with database.writing() as session:
        jobs.fail_attempt(session, lease, failure, 3, NOON)

    response = ask(client, document_id)

    assert (response.status_code, response.json()["code"]) == (409, "document_failed")
    assert "It is too short." in response.json()["detail"]


def test_ask_a_cancelled_document_returns_409_with_what_to_do(
    client: TestClient, document_id: str
) -> None:
    """Without a memory a cancelled document says that it can be gone on with."""
    client.post(f"/documents/{document_id}/cancel")

    response = ask(client, document_id)

    assert (response.status_code, response.json()["code"]) == (409, "document_cancelled")
    assert "retry" in response.json()["detail"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"question": ""}, "/body/question"),
        ({"question": " \n"}, "/body/question"),
        ({"question": 5}, "/body/question"),
        ({"max_tokens": 0}, "/body/max_tokens"),
        ({"memory": "maybe"}, "/body/memory"),
        ({"question": "x" * 32_001}, "/body/question"),
        ({"temperature": -0.1}, "/body/temperature"),
        ({"temperature": 2.1}, "/body/temperature"),
        ({"temperature": "1"}, "/body/temperature"),
        ({"top_p": 0}, "/body/top_p"),
        ({"top_p": 1.1}, "/body/top_p"),
        ({"seed": -1}, "/body/seed"),
        ({"seed": 2**53}, "/body/seed"),
        ({"stop": [""]}, "/body/stop/0"),
        ({"stop": ["x" * 201]}, "/body/stop/0"),
        ({"stop": ["x"] * 9}, "/body/stop"),
        ({"context": "whole"}, "/body/context"),
        ({"evidence": "yes"}, "/body/evidence"),
        ({"stream": 1}, "/body/stream"),
        ({"history": [{"role": "system", "content": "x"}]}, "/body/history/0/role"),
        ({"history": [{"role": "user", "content": " "}]}, "/body/history/0/content"),
        ({"history": [{"role": "user", "content": "x", "name": "y"}]}, "/body/history/0/name"),
        ({"history": [{"role": "user", "content": "x"}] * 201}, "/body/history"),
        ({"history": [{"role": "user", "content": "x"}]}, "/body"),
        ({"history": [{"role": "assistant", "content": "x"}]}, "/body"),
        ({"history": [{"role": "user", "content": "x"}] * 2}, "/body"),
        ({"memory": "off", "context": "none"}, "/body"),
        ({"top_k": 1}, "/body/top_k"),
    ],
)
def test_wrong_question_returns_422(
    client: TestClient, ready_id: str, body: dict[str, Any], pointer: str
) -> None:
    """The problem points at the field."""
    response = ask(client, ready_id, **body)

    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert response.json()["errors"][0]["pointer"] == pointer


def test_more_tokens_than_allowed_returns_422(client: TestClient, ready_id: str) -> None:
    """The problem tells the limit."""
    response = ask(client, ready_id, max_tokens=513)

    assert (response.status_code, response.json()["code"]) == (422, "too_many_tokens")
    assert "512" in response.json()["detail"]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (QuestionTooLongError("90 tokens, room for 70"), 422, "question_too_long"),
        (UnusableAdapterError("the file is damaged"), 409, "adapter_unusable"),
        (FileNotFoundError(), 409, "adapter_unusable"),
        (EngineError("the engine has died"), 503, "engine_unavailable"),
    ],
)
def test_what_the_engine_refuses_is_a_problem(
    client: TestClient,
    answerer: FakeAnswerer,
    ready_id: str,
    error: Exception,
    status: int,
    code: str,
) -> None:
    """Each of the engine's errors has its own status and code, with the engine's words."""
    answerer.error = error

    response = ask(client, ready_id)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert str(error) in response.json()["detail"]


def test_text_that_is_deleted_meanwhile_returns_404(
    client: TestClient, store: Store, ready_id: str
) -> None:
    """A document that goes while it is asked is not found."""
    store.delete_document(ready_id)

    assert ask(client, ready_id).status_code == 404


def test_unset_max_tokens_keep_to_a_low_limit(
    api_settings: Settings, database: Database, store: Store, answerer: FakeAnswerer
) -> None:
    """Who names no length gets an answer, however short this server's answers are."""
    settings = api_settings.model_copy(update={"max_answer_tokens": 16})
    app = create_app(settings, lambda _: answerer)
    with TestClient(app, "http://127.0.0.1") as client:
        document_id = client.post("/documents", json={"text": "x"}).json()["id"]
        make_ready(database, store, document_id)
        response = ask(client, document_id)

    assert response.status_code == 200
    assert answerer.asks[0].max_tokens == 16
