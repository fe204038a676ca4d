"""A document that is a model, and what clients send to it."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from app.db import Database
from app.storage import Store
from tests.rows import make_ready

Chat = Callable[..., httpx.Response]
USER = {"role": "user", "content": "Who?"}


@pytest.fixture
def database(sqlite: Database) -> Database:
    """One database is enough: this door has one query of its own, which is tested on both."""
    return sqlite


@pytest.fixture
def model(client: TestClient, database: Database, store: Store, document_id: str) -> str:
    """A document with a memory: the id of a model."""
    make_ready(database, store, document_id)
    return document_id


@pytest.fixture
def live_model(http: httpx.Client, database: Database, store: Store, live_id: str) -> str:
    """A model on `live`."""
    make_ready(database, store, live_id)
    return live_id


@pytest.fixture
def chat(client: TestClient, model: str) -> Chat:
    """Sends a chat that asks "Who?", with further fields or others."""

    def send(**fields: Any) -> httpx.Response:
        body = {"model": model, "messages": [USER]} | fields
        return client.post("/v1/chat/completions", json=body)

    return send
