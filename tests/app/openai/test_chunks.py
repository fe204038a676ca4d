"""`POST /v1/chat/completions` as a stream: its bytes, its ends, and clients that go."""

import json
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app import answering
from tests.app.openai.conftest import Chat
from tests.fakes import Babbler, FakeAnswerer, Mute, Stumbler
from tests.waiting import wait_until

Chunk = dict[str, Any]


def read(response: httpx.Response) -> list[Chunk]:
    """Return a stream's chunks; it must end as OpenAI's do."""
    lines = [line for line in response.text.split("\n\n") if line]
    assert all(line.startswith("data: ") for line in lines)
    assert lines[-1] == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]


def test_stream_has_openais_shape(chat: Chat, model: str) -> None:
    """The first delta names the speaker, the next ones the text, the last one why it ends."""
    response = chat(stream=True)
    chunks = read(response)

    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["x-accel-buffering"] == "no"
    assert [chunk["choices"][0]["delta"] for chunk in chunks] == [
        {"role": "assistant", "content": ""},
        {"content": "Who?"},
        {"content": " in"},
        {"content": " 9"},
        {"content": " characters"},
        {},
    ]
    ends = [chunk["choices"][0]["finish_reason"] for chunk in chunks]
    assert ends == [None, None, None, None, None, "stop"]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert {chunk["model"] for chunk in chunks} == {model}
    assert len({(chunk["id"], chunk["created"]) for chunk in chunks}) == 1


def test_stream_says_what_the_whole_answer_says(chat: Chat) -> None:
    """Text, ending and details are the same either way."""
    whole, chunks = chat().json(), read(chat(stream=True))

    said = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert said == whole["choices"][0]["message"]["content"]
    assert chunks[-1]["lift"] == whole["lift"]
    assert all("lift" not in chunk and "usage" not in chunk for chunk in chunks[:-1])


def test_usage_comes_last_if_asked_for(chat: Chat) -> None:
    """One more chunk, without choices, tells the tokens; nobody else gets such a chunk."""
    with_usage = read(chat(stream=True, stream_options={"include_usage": True}))
    without = read(chat(stream=True, stream_options={"include_usage": False}))

    usage = {"prompt_tokens": 20, "completion_tokens": 4, "total_tokens": 24}
    assert (with_usage[-1]["choices"], with_usage[-1]["usage"]) == ([], usage)
    assert all(chunk["choices"] for chunk in [*with_usage[:-1], *without])
    assert all("usage" not in chunk for chunk in without)


def test_logprobs_come_with_their_chunk(chat: Chat) -> None:
    """Each piece of text has its tokens, and the ends have none."""
    choices = [chunk["choices"][0] for chunk in read(chat(stream=True, logprobs=True))]

    assert [choices[0]["logprobs"], choices[-1]["logprobs"]] == [None, None]
    for choice in choices[1:-1]:
        (token,) = choice["logprobs"]["content"]
        assert token["token"] == choice["delta"]["content"]


class TestFailingEngine:
    """An engine that fails when half of the answer was said."""

    @pytest.fixture
    def answerer(self) -> FakeAnswerer:
        return Stumbler()

    def test_stream_ends_with_the_error(self, chat: Chat) -> None:
        """The status has left: an error in place of a chunk ends the stream, without `[DONE]`."""
        events = [each for each in chat(stream=True).text.split("\n\n") if each]

        refusal = json.loads(events[-1].removeprefix("data: "))["error"]
        assert len(events) == 3
        assert (refusal["type"], refusal["code"]) == ("server_error", "engine_unavailable")
        assert "no memory left" in refusal["message"]


class TestSilentEngine:
    """An engine that thinks for long."""

    @pytest.fixture
    def answerer(self, monkeypatch: pytest.MonkeyPatch) -> FakeAnswerer:
        monkeypatch.setattr(answering, "SILENCE_SECONDS", 0.05)
        return Mute()

    def test_comments_keep_the_stream_alive(
        self, http: httpx.Client, live_model: str, answerer: Mute
    ) -> None:
        """They come before the first word, and the answer follows them whole."""
        body = {"model": live_model, "messages": [{"role": "user", "content": "Who?"}]}
        with http.stream("POST", "/v1/chat/completions", json=body | {"stream": True}) as response:
            lines = response.iter_lines()
            heard = [next(lines) for _ in range(6)]
            answerer.may_speak.set()
            rest = list(lines)

        assert heard.count(": ping") >= 2
        assert rest[-2] == "data: [DONE]"


class TestEndlessEngine:
    """An engine that has much to say, and clients with little patience."""

    @pytest.fixture
    def answerer(self) -> FakeAnswerer:
        return Babbler()

    def test_leaving_a_stream_ends_the_answer(
        self, http: httpx.Client, live_model: str, answerer: Babbler
    ) -> None:
        """Generation stops within a few tokens, and the thread is free."""
        body = {"model": live_model, "messages": [{"role": "user", "content": "Who?"}]}
        with http.stream("POST", "/v1/chat/completions", json=body | {"stream": True}) as response:
            next(response.iter_lines())

        assert answerer.ended.wait(5)

    def test_leaving_a_whole_answer_ends_it(
        self, http: httpx.Client, live_model: str, answerer: Babbler, live_app: FastAPI
    ) -> None:
        """A client that loses patience takes no thread with it."""
        body = {"model": live_model, "messages": [{"role": "user", "content": "Who?"}]}
        with pytest.raises(httpx.ReadTimeout):
            http.post("/v1/chat/completions", json=body, timeout=2)

        assert answerer.ended.wait(5)
        wait_until(lambda: live_app.state.asking_limiter.borrowed_tokens == 0)
