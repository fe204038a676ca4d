"""The API with a fake engine, on each database, with a broker that is away."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from app.db import Database
from app.main import create_app
from app.settings import Settings
from tests.fakes import FakeAnswerer


@pytest.fixture
def answerer() -> FakeAnswerer:
    """An engine without a model."""
    return FakeAnswerer()


@pytest.fixture
def api_settings(settings: Settings, database: Database) -> Settings:
    """Settings that name the test's database."""
    url = database.engine.url.render_as_string(hide_password=False)
    return settings.model_copy(update={"database_url": url, "max_document_bytes": 10_000})


@pytest.fixture
def client(api_settings: Settings, answerer: FakeAnswerer) -> Iterator[TestClient]:
    """A client of the running API; a crash is a response, as it is for a real client."""
    app = create_app(api_settings, lambda _: answerer)
    with TestClient(app, "http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def document_id(client: TestClient) -> str:
    """A document that waits for its training."""
    response = client.post("/documents", json={"text": "Its text.", "title": "Mine"})
    document_id = response.json()["id"]
    assert isinstance(document_id, str)
    return document_id
