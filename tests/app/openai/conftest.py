"""A document that is a model."""

import pytest
from fastapi.testclient import TestClient

from app.db import Database
from app.storage import Store
from tests.rows import make_ready


@pytest.fixture
def model(client: TestClient, database: Database, store: Store, document_id: str) -> str:
    """A document with a memory: the id of a model."""
    make_ready(database, store, document_id)
    return document_id
