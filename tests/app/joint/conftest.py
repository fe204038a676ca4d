"""Documents that are asked together."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.db import Database
from app.engine.answerer import (
    Ask,
)
from app.storage import Store, text_key
from tests.fakes import FakeAnswerer
from tests.rows import make_ready

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
