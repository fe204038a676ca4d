"""A question right after the upload: the API parses the document itself, once."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from app import parsing
from app.db import Database
from app.main import create_app
from app.models import Document
from app.settings import Settings
from app.storage import Store, outline_key, source_key, text_key
from tests.app.asking.mill import TEXT, ask
from tests.fakes import FakeAnswerer


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
