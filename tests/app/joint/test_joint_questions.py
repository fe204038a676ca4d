"""`POST /ask`: one question on several documents, and what stands in its way."""

import pytest
from fastapi.testclient import TestClient

from app.engine.answerer import (
    Context,
    Sampling,
)
from tests.app.joint.conftest import QUESTION, Add, ask, asked, composing
from tests.fakes import FakeAnswerer


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
