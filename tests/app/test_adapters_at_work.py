"""`/adapters` over a real engine with a tiny model: from the upload to nothing."""

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import torch
from fastapi.testclient import TestClient

from app import documents
from app.db import Database
from app.engine.batching import BatchingAnswerer, EngineLimits
from app.lift.adapter import Lifted, write_adapter
from app.lift.config import MethodConfig
from app.lift.memory import GatedMemory
from app.main import create_app
from app.settings import Settings
from app.storage import Store
from tests.app.test_adapters import listed, steer
from tests.app.test_conditional import publish
from tests.tiny import tiny_base
from tests.waiting import wait_until


@pytest.fixture
def database(sqlite: Database) -> Database:
    """One database is enough: this is about the engine."""
    return sqlite


@pytest.fixture
def engine() -> BatchingAnswerer:
    """A real engine over a tiny model, with main memory for one memory and a half; the application
    closes it.
    """
    base = tiny_base()
    one = sum(weight.nbytes for weight in GatedMemory(base.shapes).parameters())
    return BatchingAnswerer(base, EngineLimits(host_bytes=one * 3 // 2))


@pytest.fixture
def client(api_settings: Settings, engine: BatchingAnswerer) -> Iterator[TestClient]:
    """A client of an API that answers with that engine."""
    app = create_app(api_settings, lambda _: engine)
    with TestClient(app, "http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def lift(
    client: TestClient, database: Database, store: Store, tmp_path: Path
) -> Callable[[int], str]:
    """Bring a document to a real adapter for the tiny model; returns the document's id."""

    def lifted(seed: int) -> str:
        base = tiny_base()
        memory = GatedMemory.initialised(base.shapes, 2, torch.Generator().manual_seed(seed))
        path = tmp_path / f"{seed}.safetensors"
        made = Lifted(memory, base, MethodConfig(), 1, 0, 1, (1.0,))
        write_adapter(path, made, document_sha256="", preset="quick", created_at="")
        body = {"text": f"Text number {seed}.", "preset": "quick"}
        document_id = str(client.post("/documents", json=body).json()["id"])
        publish(database, store, document_id, path.read_bytes())
        return document_id

    return lifted


def _come(client: TestClient, document_id: str) -> Any:
    """Wait until a document's adapter is no longer on its way; returns what is shown of it."""

    def own() -> Any:
        data = listed(client)["data"]
        return next((each for each in data if each["document_id"] == document_id), None)

    wait_until(lambda: own() and own()["tier"] != "coming")
    return own()


def test_preloaded_adapter_answers_without_a_copy(
    client: TestClient, engine: BatchingAnswerer, lift: Callable[[int], str]
) -> None:
    """And when it is evicted nothing is kept, of the text neither."""
    document_id = lift(1)
    steer(client, "preload", document_id, 202)
    shown = _come(client, document_id)
    assert (shown["tier"], shown["num_answers"], shown["version"]) == ("slot", 0, 1)
    assert shown["size_bytes"] == listed(client)["size_bytes"] > 0
    num_copies = engine.bank.num_copies

    body = {"question": "Which number?", "max_tokens": 4, "evidence": False}
    answer = client.post(f"/documents/{document_id}/ask", json=body)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["memory"], engine.bank.num_copies) == ("used", num_copies)

    wait_until(lambda: not steer(client, "evict", document_id, 200))
    assert listed(client)["data"] == []
    wait_until(lambda: engine.prefix_bytes == 0)
    again = client.post(f"/documents/{document_id}/ask", json=body)
    assert again.json()["answer"] == answer.json()["answer"]


def test_pinned_adapter_stays_while_others_come_and_go(
    client: TestClient, lift: Callable[[int], str]
) -> None:
    """A second one has no room beside it: it may come, but not be pinned."""
    pinned_id, other_id, third_id = lift(1), lift(2), lift(3)
    steer(client, "pin", pinned_id, 202)
    _come(client, pinned_id)
    problem = steer(client, "pin", other_id, 409)
    assert "unpin some, or raise LIFT_ADAPTER_BYTES" in problem["detail"]
    assert [each["document_id"] for each in listed(client)["data"]] == [pinned_id]

    for document_id in (other_id, third_id):
        steer(client, "preload", document_id, 202)
        _come(client, document_id)
    held = {each["document_id"]: each["pinned"] for each in listed(client)["data"]}
    assert held == {pinned_id: True, third_id: False}


def test_damaged_adapter_is_listed_as_failed(
    client: TestClient, store: Store, database: Database, lift: Callable[[int], str]
) -> None:
    """The operator sees why; the pin has ended."""
    document_id = lift(1)
    with database.reading() as session:
        adapter = documents.get_anyones(session, document_id).adapter
    assert adapter
    store.put(adapter.store_key, BytesIO(b"not what was saved"))
    steer(client, "pin", document_id, 202)

    shown = _come(client, document_id)
    assert (shown["tier"], shown["pinned"], shown["size_bytes"]) == ("failed", False, 0)
    assert "damaged" in shown["failure"]
