"""`POST /documents/{id}/ask`: what is answered from, with a memory and before there is one."""

import pytest
from fastapi.testclient import TestClient

from app.db import Database
from app.engine.answerer import Context, Sampling, Speaker, Turn
from app.storage import Store
from tests.app.actions import fail
from tests.app.asking.mill import QUESTION, TEXT, ask
from tests.fakes import FakeAnswerer
from tests.rows import parse


def test_question_is_handed_to_the_engine_as_it_was_put(
    client: TestClient, answerer: FakeAnswerer, ready_id: str
) -> None:
    """Sampling, stop strings and earlier turns."""
    history = [{"role": "user", "content": " Hi "}, {"role": "assistant", "content": "Hello"}]
    sampling = {"temperature": 0.5, "top_p": 0.9, "seed": 7, "stop": ["\n"]}
    ask(client, ready_id, history=history, **sampling)

    (asked,) = answerer.asks
    assert asked.sampling == Sampling(0.5, 0.9, 7, ("\n",))
    assert asked.history == (Turn(Speaker.USER, "Hi"), Turn(Speaker.ASSISTANT, "Hello"))
    assert (asked.system, asked.num_logprobs) == (None, None)


def test_default_is_the_memory_beside_the_truncated_text(
    client: TestClient, answerer: FakeAnswerer, ready_id: str
) -> None:
    """Greedy, as the memory was trained and measured."""
    ask(client, ready_id)

    (asked,) = answerer.asks
    assert asked.adapter is not None
    assert (asked.context, asked.passages, asked.sampling) == (Context.TRUNCATED, (), Sampling())


def test_retrieved_context_has_the_best_passages_first(
    client: TestClient, answerer: FakeAnswerer, ready_id: str
) -> None:
    """The engine gets passages of the document; the answer names what it was shown."""
    answer = ask(client, ready_id, context="retrieved").json()

    passages = answerer.asks[0].passages
    assert "Tessa Vaal" in passages[0].text
    assert all(TEXT[passage.start : passage.end] == passage.text for passage in passages)
    assert (answer["memory"], answer["context"]) == ("used", "retrieved")


def test_a_follow_up_is_looked_up_by_the_words_before_it(
    client: TestClient, answerer: FakeAnswerer, ready_id: str
) -> None:
    """ "And when?" alone would find nothing."""
    history = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": "She."}]
    answer = ask(client, ready_id, question="And when?", history=history).json()

    assert "Tessa Vaal" in answer["evidence"][0]["text"]


def test_context_none_asks_the_memory_alone(
    client: TestClient, answerer: FakeAnswerer, ready_id: str
) -> None:
    """No text goes beside the question."""
    answer = ask(client, ready_id, context="none").json()

    assert answerer.asks[0].context is Context.NONE
    assert (answer["memory"], answer["context"]) == ("used", "none")


def test_if_ready_uses_a_memory_that_is_there(
    client: TestClient, answerer: FakeAnswerer, ready_id: str
) -> None:
    """Then it is the same as `required`."""
    answer = ask(client, ready_id, memory="if_ready").json()

    assert answerer.asks[0].context is Context.TRUNCATED
    assert (answer["memory"], answer["adapter_version"]) == ("used", 1)


def test_if_ready_answers_right_after_the_upload(
    client: TestClient, answerer: FakeAnswerer, document_id: str
) -> None:
    """From retrieved passages alone, and it says so; no worker is needed for that."""
    answer = ask(client, document_id, memory="if_ready").json()

    (asked,) = answerer.asks
    assert (asked.adapter, asked.context) == (None, Context.RETRIEVED)
    assert asked.passages
    assert (answer["memory"], answer["context"]) == ("pending", "retrieved")
    assert (answer["adapter_sha256"], answer["adapter_version"]) == (None, None)
    assert "Tessa Vaal" in answer["evidence"][0]["text"]


def test_if_ready_keeps_to_a_context_that_was_named(
    client: TestClient, answerer: FakeAnswerer, document_id: str
) -> None:
    """Who wants the truncated text gets it."""
    ask(client, document_id, memory="if_ready", context="truncated")

    assert (answerer.asks[0].context, answerer.asks[0].passages) == (Context.TRUNCATED, ())


def test_if_ready_without_context_waits_for_the_memory(
    client: TestClient, answerer: FakeAnswerer, document_id: str
) -> None:
    """There would be nothing of the document to answer from."""
    response = ask(client, document_id, memory="if_ready", context="none")

    assert (response.status_code, response.json()["code"]) == (409, "document_not_ready")
    assert answerer.asks == []


@pytest.mark.parametrize(("memory", "status"), [("if_ready", 409), ("off", 200)])
def test_a_failed_document_is_never_pending(
    client: TestClient,
    database: Database,
    store: Store,
    document_id: str,
    memory: str,
    status: int,
) -> None:
    """Its memory will not come by itself; its text can be asked for."""
    fail(database, store, document_id)

    assert ask(client, document_id, memory=memory).status_code == status


@pytest.mark.parametrize(("memory", "status"), [("if_ready", 409), ("off", 200)])
def test_a_cancelled_document_is_never_pending(
    client: TestClient, document_id: str, memory: str, status: int
) -> None:
    """The same for one whose training was stopped."""
    client.post(f"/documents/{document_id}/cancel")

    assert ask(client, document_id, memory=memory).status_code == status


def test_evidence_can_be_left_out(
    client: TestClient, database: Database, ready_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then nothing is looked up, where the memory is read for any question."""
    monkeypatch.setattr("app.library.Library.get", None)

    assert ask(client, ready_id, evidence=False, memory="always").json()["evidence"] is None


def test_an_older_versions_memory_answers_by_its_own_number(
    client: TestClient, database: Database, store: Store, ready_id: str
) -> None:
    """While a new version is in the making, and for `if_ready`, too."""
    client.post(f"/documents/{ready_id}/relift", json={"options": {"seed": 8}})
    parse(database, store, ready_id, TEXT)
    answer = ask(client, ready_id, memory="if_ready").json()

    assert (answer["memory"], answer["adapter_version"]) == ("used", 1)
