"""Questions that have nothing to do with a document: its memory is not read, and it is said."""

from io import BytesIO

from fastapi.testclient import TestClient

from app.db import Database
from app.engine.answerer import Context
from app.storage import Store, text_key
from tests.app.asking.mill import TEXT, ask
from tests.fakes import FakeAnswerer
from tests.rows import make_ready

UNRELATED = "What is the capital of Japan?"


def test_memory_is_not_read_for_a_question_that_has_nothing_to_do_with_it(
    client: TestClient, answerer: FakeAnswerer, ready_id: str
) -> None:
    """The default preset's rule; the answer says so, also where no evidence is looked for."""
    for evidence in (True, False):
        answer = ask(client, ready_id, question=UNRELATED, evidence=evidence).json()

        asked = answerer.asks[-1]
        assert (asked.adapter, asked.context) == (None, Context.TRUNCATED)
        assert (answer["memory"], answer["adapter_sha256"]) == ("unrelated", None)
        assert answer["adapter_version"] is None


def test_always_reads_the_memory_for_any_question(
    client: TestClient, answerer: FakeAnswerer, ready_id: str
) -> None:
    """For whoever knows better."""
    answer = ask(client, ready_id, question=UNRELATED, memory="always").json()

    assert answerer.asks[0].adapter is not None
    assert (answer["memory"], answer["adapter_version"]) == ("used", 1)


def test_always_wants_a_memory_that_is_ready(client: TestClient, document_id: str) -> None:
    """As `required` does."""
    assert ask(client, document_id, memory="always").status_code == 409


def test_a_follow_up_is_related_by_the_words_before_it(
    client: TestClient, answerer: FakeAnswerer, ready_id: str
) -> None:
    """ "Profession?" is no word of the document, the question before it had many."""
    asked = "Was the mill built by Tessa Vaal?"
    history = [{"role": "user", "content": asked}, {"role": "assistant", "content": "Yes."}]
    follow_up = {"question": "Profession?", "evidence": False}

    assert ask(client, ready_id, **follow_up).json()["memory"] == "unrelated"
    assert ask(client, ready_id, history=history, **follow_up).json()["memory"] == "used"


def test_a_method_without_the_rule_reads_the_memory_always(
    client: TestClient, database: Database, store: Store, answerer: FakeAnswerer
) -> None:
    """The paper's, for example."""
    body = {"text": TEXT, "options": {"least_relatedness": 0.0}}
    document_id = client.post("/documents", json=body).json()["id"]
    make_ready(database, store, document_id)
    store.put(text_key(document_id), BytesIO(TEXT.encode()))

    assert ask(client, document_id, question=UNRELATED).json()["memory"] == "used"
