"""A document of a few sentences, before it has a memory and after."""

from io import BytesIO

import pytest
from fastapi.testclient import TestClient

from app.db import Database
from app.storage import Store, text_key
from tests.app.asking.mill import TEXT
from tests.rows import make_ready


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
