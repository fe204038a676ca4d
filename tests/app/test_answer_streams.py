"""`POST /documents/{id}/ask` as a stream: its events, its ends, and clients that go."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from httpx_sse import EventSource, ServerSentEvent, connect_sse

from app import answering
from app.db import Database
from app.engine.errors import QuestionTooLongError
from app.storage import Store
from tests.app.live import Live, soon
from tests.fakes import Babbler, FakeAnswerer, Mute, Stumbler
from tests.rows import make_ready
from tests.waiting import wait_until


@pytest.fixture
def database(sqlite: Database) -> Database:
    """One database is enough: a stream asks none."""
    return sqlite


@pytest.fixture
def ready_id(http: httpx.Client, database: Database, store: Store, live_id: str) -> str:
    """A document with an adapter, on `live`."""
    make_ready(database, store, live_id)
    return live_id


@contextmanager
def streaming(http: httpx.Client, document_id: str, **body: Any) -> Iterator[EventSource]:
    """Ask, and listen."""
    path, question = f"/documents/{document_id}/ask", {"question": "Who?"} | body
    with connect_sse(http, "POST", path, json=question) as source:
        yield source


def told(http: httpx.Client, document_id: str, **body: Any) -> list[ServerSentEvent]:
    """Return all events of an answer."""
    with streaming(http, document_id, **body) as source:
        return [event for event in source.iter_sse() if event.data]


def test_stream_has_a_path_of_its_own(http: httpx.Client, ready_id: str) -> None:
    """Generated clients, which know one type of answer for a path, stream from there."""
    with connect_sse(
        http, "POST", f"/documents/{ready_id}/ask/stream", json={"question": "Who?"}
    ) as source:
        names = [event.event for event in source.iter_sse() if event.data]
    refused = http.post("/documents/doc_x/ask/stream", json={"question": "Who?"})

    assert set(names[:-1]) == {"answer.delta"}
    assert names[-1] == "answer.done"
    assert (refused.status_code, refused.json()["code"]) == (404, "document_not_found")


def test_pieces_are_the_answer_that_ends_the_stream(http: httpx.Client, ready_id: str) -> None:
    """The last event has what the whole answer has, evidence and all."""
    whole = http.post(f"/documents/{ready_id}/ask", json={"question": "Who?"}).json()
    *deltas, done = told(http, ready_id)

    assert {event.event for event in deltas} == {"answer.delta"}
    assert "".join(event.json()["text"] for event in deltas) == whole["answer"]
    assert (done.event, done.json()) == ("answer.done", whole)


def test_events_are_numbered_and_say_when_to_come_again(http: httpx.Client, ready_id: str) -> None:
    """Ids rise by one; proxies are told to keep nothing."""
    events = told(http, ready_id)
    with streaming(http, ready_id) as source:
        headers, first = source.response.headers, next(source.response.iter_lines())

    assert [event.id for event in events] == [str(n) for n in range(1, len(events) + 1)]
    assert first == "retry: 2000"
    assert (headers["x-accel-buffering"], headers["cache-control"]) == ("no", "no-cache")


def test_token_shares_come_if_asked_for(http: httpx.Client, ready_id: str) -> None:
    """Each piece tells how much of the attention came from memory, or says nothing of it."""
    with_shares, without = told(http, ready_id, token_shares=True), told(http, ready_id)

    assert [event.json()["memory_share"] for event in with_shares[:-1]] == [0.25] * 4
    assert all("memory_share" not in event.json() for event in without[:-1])


@pytest.mark.parametrize(
    ("accept", "stream", "is_streamed"),
    [
        ("*/*", False, False),
        ("application/json", False, False),
        ("application/json", True, True),
        ("text/event-stream", False, True),
        ("text/event-stream;q=0.9, text/plain", False, True),
        ("application/json, text/event-stream", False, False),
    ],
)
def test_client_says_whether_it_wants_a_stream(
    http: httpx.Client, ready_id: str, accept: str, stream: bool, is_streamed: bool
) -> None:
    """By a field, or by accepting nothing else that is spoken here."""
    response = http.post(
        f"/documents/{ready_id}/ask",
        json={"question": "Who?", "stream": stream},
        headers={"Accept": accept},
    )

    expected = "text/event-stream" if is_streamed else "application/json"
    assert response.headers["content-type"].partition(";")[0] == expected


def test_refusals_before_the_first_word_have_their_status(
    http: httpx.Client, live_id: str, ready_id: str, answerer: FakeAnswerer
) -> None:
    """They are problems, as without a stream."""
    answerer.error = QuestionTooLongError("90 tokens, room for 70")
    too_long = http.post(f"/documents/{ready_id}/ask", json={"question": "?", "stream": True})
    unknown = http.post("/documents/doc_x/ask", json={"question": "?", "stream": True})

    assert (too_long.status_code, too_long.json()["code"]) == (422, "question_too_long")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "document_not_found")
    assert too_long.headers["content-type"] == "application/problem+json"


class TestFailingEngine:
    """An engine that fails when half of the answer was said."""

    @pytest.fixture
    def answerer(self) -> FakeAnswerer:
        return Stumbler()

    def test_stream_ends_with_the_problem(self, http: httpx.Client, ready_id: str) -> None:
        """What was said stays said; the last event says why there is no more."""
        delta, error = told(http, ready_id)

        assert (delta.event, delta.json()) == ("answer.delta", {"text": "Well"})
        assert (error.event, error.json()["code"]) == ("error", "engine_unavailable")
        assert (error.id, error.json()["status"]) == ("2", 503)


class TestSilentEngine:
    """An engine that thinks for long."""

    @pytest.fixture
    def answerer(self, monkeypatch: pytest.MonkeyPatch) -> FakeAnswerer:
        monkeypatch.setattr(answering, "SILENCE_SECONDS", 0.05)
        return Mute()

    def test_comments_keep_the_stream_alive(
        self, http: httpx.Client, ready_id: str, answerer: Mute
    ) -> None:
        """They come before the first word, and the answer follows them whole."""
        with streaming(http, ready_id) as source:
            lines = source.response.iter_lines()
            heard = [next(lines) for _ in range(6)]
            answerer.may_speak.set()
            rest = list(lines)

        assert heard.count(": ping") >= 2
        assert "event: answer.done" in rest

    def test_leaving_before_the_first_word_takes_the_question_back(
        self, http: httpx.Client, ready_id: str, answerer: Mute
    ) -> None:
        """The engine hears that nobody waits, while it answers others first."""
        with streaming(http, ready_id) as source:
            next(source.response.iter_lines())
        answerer.may_speak.set()
        wait_until(lambda: bool(answerer.asks))

        wait_until(lambda: not answerer.asks[0].is_wanted())


class TestEndlessEngine:
    """An engine that has much to say."""

    @pytest.fixture
    def answerer(self) -> FakeAnswerer:
        return Babbler()

    def test_leaving_ends_the_answer_and_frees_the_thread(
        self, http: httpx.Client, ready_id: str, answerer: Babbler, live_app: FastAPI
    ) -> None:
        """The connection is cut; the engine stops within a word."""
        with streaming(http, ready_id) as source:
            next(source.response.iter_lines())
        assert answerer.ended.wait(5)
        num_said = answerer.num_said

        wait_until(lambda: live_app.state.asking_limiter.borrowed_tokens == 0)
        assert answerer.num_said == num_said

    def test_a_stopping_server_says_that_it_ends_the_answer(
        self, http: httpx.Client, live: Live, ready_id: str
    ) -> None:
        """It waits a few seconds for open answers, and not for ever."""
        with streaming(http, ready_id) as source:
            events = source.iter_sse()
            next(events)
            stopping = soon(live.stop, 0.1)
            *_, last = events
        stopping.join()

        assert (last.event, last.json()["code"]) == ("error", "engine_unavailable")
        assert "stopping" in last.json()["detail"]
