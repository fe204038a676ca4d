"""The API with a fake engine, on each database, with a broker that is away."""

from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.db import Database
from app.main import create_app
from app.settings import Settings
from tests.app.live import Live, live_server
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


@pytest.fixture
def live_app(api_settings: Settings, answerer: FakeAnswerer) -> FastAPI:
    """The application that `live` serves."""
    return create_app(api_settings, lambda _: answerer)


@pytest.fixture
def live(live_app: FastAPI) -> Iterator[Live]:
    """The API on a real port."""
    with live_server(live_app) as live:
        yield live


@pytest.fixture
def http(live: Live) -> Iterator[httpx.Client]:
    """A client of `live` that loses patience after ten seconds without a byte."""
    with httpx.Client(base_url=live.url, timeout=10.0, trust_env=False) as http:
        yield http


@pytest.fixture
def live_id(http: httpx.Client) -> str:
    """A document that waits for its training, on `live`."""
    return str(http.post("/documents", json={"text": "x"}).json()["id"])
