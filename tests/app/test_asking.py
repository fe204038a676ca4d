"""`POST /documents/{id}/ask`: what is answered from, with a memory and before there is one."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from app import parsing
from app.db import Database
from app.engine.answerer import Context, Sampling, Speaker, Turn
from app.main import create_app
from app.models import Document
from app.settings import Settings
from app.storage import Store, outline_key, source_key, text_key
from tests.app.actions import fail
from tests.fakes import FakeAnswerer
from tests.rows import make_ready, parse

TEXT = "The mill was built by Tessa Vaal. " + "Nothing else is known of it here. " * 40
QUESTION = "Who built the mill?"


@pytest.fixture
def database(sqlite: Database) -> Database:
    """One database is enough: `test_questions` asks both of them the same."""
    return sqlite


@pytest.fixture
def document_id(client: TestClient) -> str:
    """A document that waits for its training, and that nobody parsed yet."""
    return str(client.post("/documents", json={"text": TEXT}).json()["id"])


@pytest.fixture
def ready_id(database: Database, store: Store, document_id: str) -> str:
    """A document with an adapter."""
    make_ready(database, store, document_id)
    store.put(text_key(document_id), BytesIO(TEXT.encode()))
    return document_id


def ask(client: TestClient, document_id: str, **body: Any) -> Any:
    return client.post(f"/documents/{document_id}/ask", json={"question": QUESTION} | body)


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
    body = {"text": TEXT, "options": {"least_overlap": 0.0}}
    document_id = client.post("/documents", json=body).json()["id"]
    make_ready(database, store, document_id)
    store.put(text_key(document_id), BytesIO(TEXT.encode()))

    assert ask(client, document_id, question=UNRELATED).json()["memory"] == "used"


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


@pytest.mark.parametrize("memory", ["if_ready", "off"])
def test_what_the_api_parsed_is_as_if_a_worker_had(
    client: TestClient, database: Database, store: Store, document_id: str, memory: str
) -> None:
    """Text and outline are in the store, the row says how long the text is, once for all."""
    ask(client, document_id, memory=memory)

    with database.reading() as session:
        document = session.get(Document, document_id)
    assert document
    assert document.num_characters == len(TEXT)
    assert store.read(text_key(document_id)).decode() == TEXT
    assert b'"kind"' in store.read(outline_key(document_id))
    assert client.get(f"/documents/{document_id}/text").text == TEXT


def test_a_text_is_parsed_once(
    client: TestClient, document_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second question finds it."""
    parses: list[str] = []
    real: Callable[..., Any] = parsing.parse_file
    monkeypatch.setattr(
        parsing, "parse_file", lambda *file, **how: parses.append(file[1]) or real(*file, **how)
    )
    for _ in range(2):
        ask(client, document_id, memory="if_ready")

    assert len(parses) == 1


def test_a_document_that_cannot_be_read_is_refused_with_the_reason(client: TestClient) -> None:
    """As the worker would have found out later."""
    broken = {"file": ("a.pdf", b"%PDF-1.7\n%%EOF")}
    document_id = client.post("/documents", files=broken).json()["id"]
    response = ask(client, document_id, memory="if_ready")

    assert (response.status_code, response.json()["code"]) == (409, "document_failed")
    assert response.json()["reason"] == "document_damaged"


@pytest.mark.parametrize(
    ("ocr", "code"), [("off", "document_failed"), ("on", "document_not_ready")]
)
def test_pictures_of_text_are_left_to_workers(
    api_settings: Settings, answerer: FakeAnswerer, ocr: str, code: str
) -> None:
    """Where those read them; else nobody does."""
    settings = api_settings.model_copy(update={"ocr": ocr})
    app = create_app(settings, lambda _: answerer)
    page = Canvas("")
    page.drawImage(ImageReader(Image.new("RGB", (50, 50), "red")), 0, 0, 500, 700)
    with TestClient(app, "http://127.0.0.1") as client:
        uploaded = client.post("/documents", files={"file": ("a.pdf", page.getpdfdata())})
        response = ask(client, uploaded.json()["id"], memory="if_ready")

    assert (response.status_code, response.json()["code"]) == (409, code)
    assert "pages" in response.json()["detail"]


def test_a_document_that_is_deleted_while_it_is_parsed_leaves_nothing(
    client: TestClient,
    database: Database,
    store: Store,
    document_id: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its text is not kept, and it is not found."""
    real: Callable[..., Any] = parsing.parse_file

    def parse_and_delete(*file: Any, **how: Any) -> Any:
        parsed = real(*file, **how)
        client.delete(f"/documents/{document_id}")
        return parsed

    monkeypatch.setattr(parsing, "parse_file", parse_and_delete)
    response = ask(client, document_id, memory="if_ready")

    assert (response.status_code, response.json()["code"]) == (404, "document_not_found")
    assert list(store.list(f"documents/{document_id}")) == []


def test_a_document_whose_file_is_gone_is_not_found(
    client: TestClient, store: Store, document_id: str
) -> None:
    """It is being deleted at this moment."""
    store.delete(source_key(document_id))

    assert ask(client, document_id, memory="if_ready").status_code == 404


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
