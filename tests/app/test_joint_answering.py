"""`POST /ask` as a stream: its events, their order, its ends, and clients that go."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from httpx_sse import EventSource, ServerSentEvent, connect_sse

from app import answering
from app.db import Database
from app.engine.answerer import Ask, Piece, Reply
from app.engine.errors import EngineFailedError, QuestionTooLongError
from app.storage import Store
from tests.app.live import Live, soon
from tests.fakes import Babbler, FakeAnswerer
from tests.rows import make_ready
from tests.waiting import wait_until


@pytest.fixture
def database(sqlite: Database) -> Database:
    """One database is enough: a stream asks none."""
    return sqlite


@pytest.fixture
def ids(http: httpx.Client, database: Database, store: Store) -> list[str]:
    """Three documents with memories, on `live`."""
    made = [http.post("/documents", json={"text": text}).json()["id"] for text in "abc"]
    for document_id in made:
        make_ready(database, store, document_id)
    return made


@contextmanager
def streaming(http: httpx.Client, ids: list[str], path: str = "/ask/stream") -> Iterator[Any]:
    """Ask, and listen."""
    body = {"question": "Who?", "document_ids": ids}
    with connect_sse(http, "POST", path, json=body) as source:
        yield source


def told(http: httpx.Client, ids: list[str]) -> list[ServerSentEvent]:
    """Return all events of an answer."""
    with streaming(http, ids) as source:
        return heard(source)


def heard(source: EventSource) -> list[ServerSentEvent]:
    return [event for event in source.iter_sse() if event.data]


def test_documents_are_told_first_then_the_composed_answer_in_pieces(
    http: httpx.Client, ids: list[str]
) -> None:
    """The last event has all that the whole answer has; the pieces are its answer."""
    whole = http.post("/ask", json={"question": "Who?", "document_ids": ids}).json()
    events = told(http, ids)

    *deltas, done = events[len(ids) :]
    documents = [event.json() for event in events[: len(ids)]]
    assert [event.event for event in events[: len(ids)]] == ["document.done"] * len(ids)
    assert sorted(documents, key=lambda each: ids.index(each["document_id"])) == whole["documents"]
    assert {event.event for event in deltas} == {"answer.delta"}
    assert "".join(event.json()["text"] for event in deltas) == whole["answer"]
    assert all(event.json().keys() == {"text"} for event in deltas)
    assert (done.event, done.json()) == ("answer.done", whole)
    assert [event.id for event in events] == [str(n) for n in range(1, len(events) + 1)]


def test_one_documents_stream_ends_with_its_own_answer(http: httpx.Client, ids: list[str]) -> None:
    """The same events, so that clients need not tell the cases apart."""
    document, delta, done = told(http, ids[:1])

    names = [each.event for each in (document, delta, done)]
    assert names == ["document.done", "answer.delta", "answer.done"]
    assert delta.json() == {"text": document.json()["answer"]}
    assert done.json()["documents"] == [document.json()]


@pytest.mark.parametrize(
    ("accept", "stream", "is_streamed"),
    [
        ("*/*", False, False),
        ("*/*", True, True),
        ("text/event-stream", False, True),
        ("application/json, text/event-stream", False, False),
    ],
)
def test_client_says_whether_it_wants_a_stream(
    http: httpx.Client, ids: list[str], accept: str, stream: bool, is_streamed: bool
) -> None:
    """As for one document."""
    response = http.post(
        "/ask",
        json={"question": "Who?", "document_ids": ids, "stream": stream},
        headers={"Accept": accept},
    )

    expected = "text/event-stream" if is_streamed else "application/json"
    assert response.headers["content-type"].partition(";")[0] == expected


def test_refusals_before_the_first_word_have_their_status(
    http: httpx.Client, ids: list[str], answerer: FakeAnswerer
) -> None:
    """They are problems, as without a stream."""
    unknown = http.post("/ask/stream", json={"question": "?", "document_ids": [*ids, "doc_x"]})
    answerer.error = QuestionTooLongError("90 tokens, room for 70")
    too_long = http.post("/ask/stream", json={"question": "?", "document_ids": ids})

    assert (unknown.status_code, unknown.json()["code"]) == (404, "document_not_found")
    assert (too_long.status_code, too_long.json()["code"]) == (422, "question_too_long")
    assert too_long.json()["document_id"] in ids


class Scripted(FakeAnswerer):
    """Says a word, and the rest when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.may_end: dict[str, Event] = {}
        """By what is asked: a document's id, or `composing`."""
        self.fails: set[str] = set()
        self._changing = Lock()

    def event(self, name: str) -> Event:
        with self._changing:
            return self.may_end.setdefault(name, Event())

    def stream(self, ask: Ask) -> Iterator[Piece | Reply]:
        name = "composing" if ask.sources else ask.document_id
        yield Piece("Well", None)
        while not self.event(name).wait(0.02):
            assert ask.is_wanted()
        if name in self.fails:
            raise EngineFailedError("no memory left; ask again")
        yield from list(super().stream(ask))


class TestScripted:
    """Engines whose answers end when the test says so."""

    @pytest.fixture
    def answerer(self, monkeypatch: pytest.MonkeyPatch) -> Scripted:
        monkeypatch.setattr(answering, "SILENCE_SECONDS", 0.05)
        return Scripted()

    def test_each_document_is_told_as_it_ends(
        self, http: httpx.Client, ids: list[str], answerer: Scripted
    ) -> None:
        """Whoever is first is told first; the final answer keeps to the question's order."""
        order = [ids[2], ids[0], ids[1]]
        with streaming(http, ids) as source:
            events = (event for event in source.iter_sse() if event.data)
            first = []
            for document_id in order:
                answerer.event(document_id).set()
                first.append(next(events).json()["document_id"])
            answerer.event("composing").set()
            *_, done = events

        assert first == order
        assert [each["document_id"] for each in done.json()["documents"]] == ids

    def test_comments_keep_the_stream_alive(
        self, http: httpx.Client, ids: list[str], answerer: Scripted
    ) -> None:
        """While documents answer, and while the composed answer is waited for."""
        with streaming(http, ids) as source:
            lines = source.response.iter_lines()
            first = [next(lines) for _ in range(6)]
            for document_id in ids:
                answerer.event(document_id).set()
            while "answer.delta" not in next(lines):
                pass
            last = [next(lines) for _ in range(8)]
            answerer.event("composing").set()
            rest = list(lines)

        assert first.count(": ping") >= 2
        assert last.count(": ping") >= 2
        assert "event: answer.done" in rest

    @pytest.mark.parametrize("who", [0, "composing"])
    def test_failure_ends_the_stream_with_its_problem(
        self, http: httpx.Client, ids: list[str], answerer: Scripted, who: int | str
    ) -> None:
        """What was told stays told; the others are not waited for."""
        name = ids[who] if isinstance(who, int) else who
        answerer.fails.add(name)
        with streaming(http, ids) as source:
            events = (event for event in source.iter_sse() if event.data)
            if name == "composing":
                for document_id in ids:
                    answerer.event(document_id).set()
            else:
                answerer.event(ids[1]).set()
            before = [next(events).event]
            answerer.event(name).set()
            *more, last = events

        assert before == ["document.done"]
        assert "answer.done" not in [event.event for event in more]
        assert (last.event, last.json()["code"]) == ("error", "engine_unavailable")
        assert last.json().get("document_id") == (None if name == "composing" else name)


class TestEndlessEngine:
    """An engine that has much to say."""

    @pytest.fixture
    def answerer(self) -> Babbler:
        return Babbler()

    def test_leaving_ends_all_answers_and_frees_their_threads(
        self, http: httpx.Client, ids: list[str], answerer: Babbler, live_app: FastAPI
    ) -> None:
        """The connection is cut while each document speaks."""
        limiter = live_app.state  # its limiter is made when the server starts
        with streaming(http, ids) as source:
            next(source.response.iter_lines())
            assert limiter.asking_limiter.borrowed_tokens == len(ids)

        wait_until(lambda: limiter.asking_limiter.borrowed_tokens == 0)

    def test_a_stopping_server_says_that_it_ends_the_answer(
        self, http: httpx.Client, live: Live, ids: list[str]
    ) -> None:
        """It waits a few seconds for open answers, and not for ever."""
        with streaming(http, ids) as source:
            lines = source.response.iter_lines()
            next(lines)
            stopping = soon(live.stop, 0.1)
            rest = "\n".join(lines)
        stopping.join()

        assert "event: error" in rest
        assert "stopping" in rest
