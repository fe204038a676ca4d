"""`POST /ask`: what is refused, and that nothing is begun then."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.callers import Limits
from app.clock import new_id
from app.db import Database
from app.engine.answerer import Ask, Piece, Reply
from app.engine.errors import (
    EngineBusyError,
    EngineFailedError,
    QuestionTooLongError,
    UnusableAdapterError,
)
from app.errors import TooManyAsksError
from app.limits import Asks
from app.storage import Store
from tests.app.actions import fail
from tests.app.joint.conftest import Add, ask, composing
from tests.app.keyed import bearer, make_key
from tests.fakes import FakeAnswerer
from tests.rows import LOCAL, add_document, make_ready, queue_job


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
