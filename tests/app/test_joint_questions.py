"""`POST /ask`: one question on several documents, and what stands in its way."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.callers import Limits
from app.clock import new_id
from app.db import Database
from app.engine.answerer import (
    Ask,
    Context,
    EngineBusyError,
    EngineFailedError,
    Piece,
    QuestionTooLongError,
    Reply,
    Sampling,
    UnusableAdapterError,
)
from app.errors import TooManyAsksError
from app.limits import Asks
from app.storage import Store, text_key
from tests.app.actions import fail
from tests.app.keyed import bearer, make_key
from tests.fakes import FakeAnswerer
from tests.rows import LOCAL, add_document, make_ready, queue_job

MILL = "The mill was built by Tessa Vaal. " + "Nothing else is known of it here. " * 40
POST = "The post was founded by Orrin Dale. " + "It never rained there in those years. " * 40
QUESTION = "Who built the mill?"
Add = Callable[..., str]


@pytest.fixture
def database(sqlite: Database) -> Database:
    """One database is enough: `test_questions` asks both of them the same."""
    return sqlite


@pytest.fixture
def add(client: TestClient, database: Database, store: Store) -> Add:
    """Add a document, with its memory unless that is still to come."""

    def add(text: str, title: str, *, is_ready: bool = True) -> str:
        body = {"text": text, "title": title}
        document_id = str(client.post("/documents", json=body).json()["id"])
        if is_ready:
            make_ready(database, store, document_id)
            store.put(text_key(document_id), BytesIO(text.encode()))
        return document_id

    return add


@pytest.fixture
def ids(add: Add) -> list[str]:
    """Two documents with memories."""
    return [add(MILL, "Mill"), add(POST, "Post")]


def ask(client: TestClient, document_ids: list[str], **body: Any) -> Any:
    return client.post("/ask", json={"question": QUESTION, "document_ids": document_ids} | body)


def asked(answerer: FakeAnswerer) -> dict[str, Ask]:
    """Return what the documents were asked, by their ids."""
    return {each.document_id: each for each in answerer.asks if not each.sources}


def composing(answerer: FakeAnswerer) -> list[Ask]:
    """Return what composed an answer."""
    return [each for each in answerer.asks if each.sources]


def test_each_document_answers_as_it_does_alone(client: TestClient, ids: list[str]) -> None:
    """Its answer, evidence, memory share and the rest, in the question's order."""
    alone = [
        client.post(f"/documents/{each}/ask", json={"question": QUESTION}).json() for each in ids
    ]
    told = ask(client, ids).json()["documents"]

    names = [{"document_id": ids[0], "title": "Mill"}, {"document_id": ids[1], "title": "Post"}]
    assert told == [answer | name for answer, name in zip(alone, names, strict=True)]
    assert "Tessa Vaal" in told[0]["evidence"][0]["text"]


def test_answer_is_composed_of_the_documents_passages_and_answers(
    client: TestClient, answerer: FakeAnswerer, ids: list[str]
) -> None:
    """By the bare base model, which is shown what has words of the question, and no memory."""
    told = ask(client, ids, max_tokens=7).json()

    (last,) = composing(answerer)
    assert answerer.asks[-1] is last
    assert (last.adapter, last.question, last.max_tokens) == (None, QUESTION, 7)
    assert [each.title for each in last.sources] == ["Mill", "Post"]
    assert [each.answer for each in last.sources] == [each["answer"] for each in told["documents"]]
    assert [each.text for each in last.sources[0].passages if "Tessa Vaal" in each.text]
    assert last.sources[1].passages == ()
    assert told["answer"] == f"{QUESTION} in 0 characters"


def test_answer_tells_what_it_was_composed_from(
    client: TestClient, answerer: FakeAnswerer, ids: list[str]
) -> None:
    """Passages by their place in the text, and what all answers took together."""
    told = ask(client, ids).json()

    (last,) = composing(answerer)
    first = last.sources[0].passages[0]
    assert told["composed_from"]["passages"][0] == {
        "document_id": ids[0],
        "start": first.start,
        "end": first.end,
    }
    assert told["composed_from"]["num_cut_answers"] == 0
    assert told["usage"] == {"prompt_tokens": 60, "completion_tokens": 21, "dropped_turns": 0}
    assert told["timings"] == {
        "swap_seconds": 0.1,
        "first_token_seconds": pytest.approx(0.5),
        "total_seconds": pytest.approx(0.6),
    }
    assert told["finish_reason"] == "stop"


def test_wishes_hold_for_each_document_and_for_the_composed_answer(
    client: TestClient, answerer: FakeAnswerer, ids: list[str]
) -> None:
    """Sampling, stop strings, length; the context is the documents' own."""
    sampling = {"temperature": 0.5, "top_p": 0.9, "seed": 7, "stop": ["\n"]}
    told = ask(client, ids, context="retrieved", evidence=False, max_tokens=9, **sampling).json()

    assert len(answerer.asks) == 3
    for each in answerer.asks:
        assert (each.sampling, each.max_tokens) == (Sampling(0.5, 0.9, 7, ("\n",)), 9)
    assert {each.context for each in asked(answerer).values()} == {Context.RETRIEVED}
    assert [each["evidence"] for each in told["documents"]] == [None, None]


def test_without_context_answers_alone_are_composed(
    client: TestClient, answerer: FakeAnswerer, ids: list[str]
) -> None:
    """Who wants none of the text beside the question gets none there, either."""
    told = ask(client, ids, context="none").json()

    (last,) = composing(answerer)
    assert [each.passages for each in last.sources] == [(), ()]
    assert told["composed_from"]["passages"] == []


def test_one_document_answers_for_itself(
    client: TestClient, answerer: FakeAnswerer, ids: list[str]
) -> None:
    """Nothing is composed, and nothing is looked up for it."""
    told = ask(client, ids[:1]).json()

    (document,) = told["documents"]
    assert len(answerer.asks) == 1
    assert told["composed_from"] is None
    shared = ("answer", "usage", "timings", "finish_reason")
    assert [told[each] for each in shared] == [document[each] for each in shared]


def test_if_ready_asks_documents_with_a_memory_and_without(
    client: TestClient, answerer: FakeAnswerer, ids: list[str], add: Add
) -> None:
    """Each says which it was; the one without is parsed for the question."""
    new = add("A third text.", "New", is_ready=False)
    told = ask(client, [new, ids[0]], memory="if_ready").json()

    assert [each["memory"] for each in told["documents"]] == ["pending", "used"]
    assert asked(answerer)[new].adapter is None
    assert asked(answerer)[ids[0]].adapter is not None


def test_memory_off_asks_the_bare_model(
    client: TestClient, answerer: FakeAnswerer, ids: list[str]
) -> None:
    """For every document."""
    told = ask(client, ids, memory="off").json()

    assert {each.adapter for each in answerer.asks} == {None}
    assert [each["memory"] for each in told["documents"]] == ["off", "off"]


def test_document_that_is_not_ready_refuses_all(
    client: TestClient, answerer: FakeAnswerer, ids: list[str], add: Add
) -> None:
    """It is named, with its progress; nobody is asked."""
    new = add("A third text.", "New", is_ready=False)
    response = ask(client, [*ids, new])

    problem = response.json()
    assert (response.status_code, problem["code"]) == (409, "document_not_ready")
    assert (problem["document_id"], problem["document_status"]) == (new, "queued")
    assert problem["detail"].startswith(f"{new}: ")
    assert answerer.asks == []


def test_document_that_failed_is_named(
    client: TestClient, database: Database, store: Store, ids: list[str], add: Add
) -> None:
    """As for one document, 409 with the reason."""
    failed = add("A third text.", "New", is_ready=False)
    fail(database, store, failed)
    response = ask(client, [ids[0], failed])

    assert (response.status_code, response.json()["code"]) == (409, "document_failed")
    assert response.json()["document_id"] == failed


def test_rows_are_looked_at_before_any_text_is_parsed(
    client: TestClient, database: Database, add: Add
) -> None:
    """A document that is not there refuses at once, not after seconds of parsing others."""
    new = add("A third text.", "New", is_ready=False)
    response = ask(client, [new, new_id("doc")], memory="off")

    assert response.status_code == 404
    assert client.get(f"/documents/{new}/text").status_code == 409


@pytest.mark.parametrize("unknown", [f"doc_{'0' * 26}", "x"])
def test_unknown_document_is_named(
    client: TestClient, answerer: FakeAnswerer, ids: list[str], unknown: str
) -> None:
    """Also an id that none can have."""
    response = ask(client, [*ids, unknown])

    assert (response.status_code, response.json()["code"]) == (404, "document_not_found")
    assert response.json()["detail"] == f"there is no document {unknown!r}"
    assert answerer.asks == []


def test_more_tokens_than_allowed_returns_422(client: TestClient, ids: list[str]) -> None:
    """It is no single document's fault, and none is named before the limit."""
    response = ask(client, ids, max_tokens=513)

    assert (response.status_code, response.json()["code"]) == (422, "too_many_tokens")
    assert response.json()["detail"].startswith("max_tokens")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"document_ids": []}, "/body/document_ids"),
        ({"document_ids": ["a"] * 2}, "/body/document_ids"),
        ({"document_ids": [f"doc_{number}" for number in range(17)]}, "/body/document_ids"),
        ({"document_ids": "doc_1"}, "/body/document_ids"),
        ({"document_ids": [""]}, "/body/document_ids/0"),
        ({"document_ids": ["x" * 101]}, "/body/document_ids/0"),
        ({"document_ids": [5]}, "/body/document_ids/0"),
        ({"document_ids": None}, "/body/document_ids"),
        ({"question": " "}, "/body/question"),
        ({"memory": "maybe"}, "/body/memory"),
        ({"max_tokens": 0}, "/body/max_tokens"),
        ({"seed": -1}, "/body/seed"),
        ({"stop": [""]}, "/body/stop/0"),
        ({"memory": "off", "context": "none"}, "/body"),
        ({"history": []}, "/body/history"),
        ({"token_shares": True}, "/body/token_shares"),
    ],
)
def test_wrong_question_returns_422(
    client: TestClient, ids: list[str], body: dict[str, Any], pointer: str
) -> None:
    """The problem points at the field, once."""
    response = client.post("/ask", json={"question": "Who?", "document_ids": ids} | body)

    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert [each["pointer"] for each in response.json()["errors"]] == [pointer]


def test_document_named_twice_is_told(client: TestClient, ids: list[str]) -> None:
    """An answer for each would be the same answer twice."""
    response = ask(client, [ids[0], ids[1], ids[0]])

    assert response.status_code == 422
    assert f"{ids[0]!r} is named twice" in response.json()["detail"]


class Choosy(FakeAnswerer):
    """Fails with some questions."""

    def __init__(self) -> None:
        super().__init__()
        self.refuse: Callable[[Ask], Exception | None] = lambda _: None

    def stream(self, ask: Ask) -> Iterator[Piece | Reply]:
        if error := self.refuse(ask):
            raise error
        return super().stream(ask)


class TestFailures:
    """What goes wrong after the documents were asked."""

    @pytest.fixture
    def answerer(self) -> Choosy:
        return Choosy()

    @pytest.mark.parametrize(
        ("error", "status", "code", "is_named"),
        [
            (EngineFailedError("no memory left; ask again"), 503, "engine_unavailable", True),
            (UnusableAdapterError("the file is damaged"), 409, "adapter_unusable", True),
            (QuestionTooLongError("90 tokens, room for 70"), 422, "question_too_long", True),
            (EngineBusyError(), 503, "engine_busy", False),
        ],
    )
    def test_failure_of_one_document_is_the_whole_answers(
        self,
        client: TestClient,
        answerer: Choosy,
        ids: list[str],
        error: Exception,
        status: int,
        code: str,
        is_named: bool,
    ) -> None:
        """An answer that leaves out a document would be one to another question."""
        answerer.refuse = lambda ask: error if ask.document_id == ids[1] else None
        response = ask(client, ids)

        assert (response.status_code, response.json()["code"]) == (status, code)
        assert response.json()["detail"].startswith(f"{ids[1]}: ") == is_named
        assert composing(answerer) == []

    def test_failure_of_the_composed_answer_names_no_document(
        self, client: TestClient, answerer: Choosy, ids: list[str]
    ) -> None:
        """It is nobody's own; the status is as for any answer."""
        answerer.refuse = lambda ask: EngineBusyError() if ask.sources else None
        response = ask(client, ids)

        assert (response.status_code, response.json()["code"]) == (503, "engine_busy")
        assert int(response.headers["retry-after"]) > 0
        assert "document_id" not in response.json()


def test_another_owners_document_is_not_found(
    client: TestClient,
    answerer: FakeAnswerer,
    database: Database,
    store: Store,
    ids: list[str],
) -> None:
    """One of one's own beside it changes nothing; `test_owners` asks for it alone."""
    with database.writing() as session:
        other = add_document(session, "eve").id
        queue_job(session, other)
    make_ready(database, store, other)
    response = ask(client, [ids[0], other])

    assert (response.status_code, response.json()["code"]) == (404, "document_not_found")
    assert other in response.json()["detail"]
    assert answerer.asks == []


class TestLimits:
    """Questions at once, by key."""

    @pytest.fixture
    def api_settings(self, api_settings: Any) -> Any:
        return api_settings.model_copy(update={"auth": "keys"})

    def test_each_document_counts_as_a_question(
        self, client: TestClient, database: Database, answerer: FakeAnswerer
    ) -> None:
        """As many documents as questions may be asked at once, and no more; nothing is begun."""
        headers = bearer(make_key(database, "ann", limits={"max_concurrent_asks": 2}).secret)
        made = [
            client.post("/documents", json={"text": text}, headers=headers).json()["id"]
            for text in ("one", "two", "three")
        ]
        bodies = [
            {"question": "Who?", "memory": "off", "document_ids": each} for each in (made, made[1:])
        ]
        refused, answered, again = (
            client.post("/ask", json=body, headers=headers)
            for body in (bodies[0], bodies[1], bodies[1])
        )

        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_asks")
        assert "these are 3" in refused.json()["detail"]
        assert (answered.status_code, again.status_code) == (200, 200)
        assert {each.document_id for each in answerer.asks} == set(made[1:])

    def test_documents_in_the_making_leave_room_for_the_rest_only(self) -> None:
        """Two questions at once are two, until both are over."""
        asks, caller = Asks(), replace(LOCAL, limits=Limits(max_concurrent_asks=3))
        with asks.held(caller, 2):
            with pytest.raises(TooManyAsksError, match="wait"), asks.held(caller, 2):
                pass
            with asks.held(caller):
                pass
        with asks.held(caller, 3):
            pass
