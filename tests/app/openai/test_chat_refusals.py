"""`POST /v1/chat/completions`: what is refused, and in which words."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.engine.errors import EngineFailedError, QuestionTooLongError, UnusableAdapterError
from tests.app.openai.conftest import USER, Chat
from tests.fakes import FakeAnswerer


@pytest.mark.parametrize("role", ["user", "assistant"])
def test_too_long_message_returns_400(chat: Chat, role: str) -> None:
    """Nothing of it is cut off in silence."""
    messages = [USER, {"role": "assistant", "content": "I."}, USER]
    messages[1 if role == "assistant" else 2] = {"role": role, "content": "x" * 32_001}
    response = chat(messages=messages)

    refusal = response.json()["error"]
    assert (response.status_code, refusal["code"]) == (400, "context_length_exceeded")
    assert refusal["param"] == "messages"
    assert "32000" in refusal["message"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 2}, "n"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"audio": {"voice": "alloy", "format": "wav"}}, "audio"),
        ({"modalities": ["text", "audio"]}, "modalities[1]"),
        ({"response_format": {"type": "json_object"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, "response_format.type"),
        ({"messages": []}, "messages"),
        ({"messages": "Who?"}, "messages"),
        ({"messages": [USER, {"role": "tool", "content": "4"}]}, "messages[1].role"),
        ({"messages": [{"content": "Who?"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": ["Who?"]}]}, "messages[0].content"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "messages[0].content",
        ),
        ({"messages": [USER, {"role": "assistant", "content": "I."}]}, "messages"),
        ({"messages": [{"role": "user", "content": " \n"}]}, "messages"),
        ({"messages": [{"role": "system", "content": "Be brief."}]}, "messages"),
        ({"stop": list("abcde")}, "stop"),
        ({"stop": ""}, "stop[0]"),
        ({"stop": 5}, "stop"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": "9"}, "max_tokens"),
        ({"max_completion_tokens": 1.5}, "max_completion_tokens"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": -0.1}, "temperature"),
        ({"top_p": 1.1}, "top_p"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"stream": "yes"}, "stream"),
        ({"model": 5}, "model"),
        ({"model": None}, "model"),
        ({"lift": {"memory": "maybe"}}, "lift.memory"),
        ({"lift": {"memroy": "off"}}, "lift.memroy"),
        ({"lift": {"context": "all"}}, "lift.context"),
        ({"lift": {"memory": "off", "context": "none"}}, "lift"),
        ({"seed": 2**53}, "seed"),
    ],
)
def test_wrong_field_returns_400_with_its_name(
    chat: Chat, answerer: FakeAnswerer, fields: dict[str, Any], param: str
) -> None:
    """What this server cannot do, or cannot be, is refused before the engine hears of it."""
    response = chat(**fields)

    refusal = response.json()["error"]
    assert (response.status_code, refusal["param"]) == (400, param), refusal
    assert refusal["type"] == "invalid_request_error"
    assert answerer.asks == []


def test_unready_model_returns_404_with_its_status(client: TestClient, document_id: str) -> None:
    """The base model never answers in place of a memory that is not there yet."""
    response = client.post("/v1/chat/completions", json={"model": document_id, "messages": [USER]})

    refusal = response.json()["error"]
    assert (response.status_code, refusal["code"]) == (404, "model_not_found")
    assert "queued" in refusal["message"]


def test_cancelled_model_returns_404_with_what_to_do(client: TestClient, document_id: str) -> None:
    """A document without a memory says why it has none."""
    client.post(f"/documents/{document_id}/cancel")
    response = client.post("/v1/chat/completions", json={"model": document_id, "messages": [USER]})

    assert response.status_code == 404
    assert "retry" in response.json()["error"]["message"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("error", "status", "code", "kind"),
    [
        (QuestionTooLongError("too long"), 400, "context_length_exceeded", "invalid_request_error"),
        (UnusableAdapterError("damaged"), 409, "adapter_unusable", "invalid_request_error"),
        (EngineFailedError("no memory left"), 503, "engine_unavailable", "server_error"),
        (RuntimeError("a bug"), 500, "internal_error", "server_error"),
    ],
)
def test_what_the_engine_refuses_has_its_status(
    chat: Chat,
    answerer: FakeAnswerer,
    stream: bool,
    error: Exception,
    status: int,
    code: str,
    kind: str,
) -> None:
    """Before the first word, a stream is refused as a whole answer is."""
    answerer.error = error

    response = chat(stream=stream)

    refusal = response.json()["error"]
    assert (response.status_code, refusal["code"], refusal["type"]) == (status, code, kind)


def test_too_long_conversation_is_named_as_clients_know_it(
    chat: Chat, answerer: FakeAnswerer
) -> None:
    """Some tell it by the code, some by these words; ours follow them."""
    answerer.error = QuestionTooLongError("90 tokens, room for 70")

    message = chat().json()["error"]["message"]

    assert "is longer than the model's context length" in message
    assert "90 tokens, room for 70" in message
