"""`/adapters`: what an operator sees of the engine, and does about it."""

from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app import documents
from app.db import Database
from app.engine.answerer import AdapterFile
from app.engine.errors import EngineFailedError
from app.engine.kept import KeptAdapter, Tier
from app.settings import Settings
from app.storage import Store
from tests.app.actions import do, fail
from tests.app.test_conditional import publish
from tests.fakes import FakeAnswerer
from tests.rows import make_ready

NOWHERE = "doc_" + "0" * 26
STEPS = ("preload", "pin", "unpin", "evict")


@pytest.fixture
def database(sqlite: Database) -> Database:
    """One database is enough: `test_owners` steers the engine on both."""
    return sqlite


@pytest.fixture
def ready_id(database: Database, store: Store, document_id: str) -> str:
    """A document with an adapter."""
    make_ready(database, store, document_id)
    return document_id


def steer(client: TestClient, step: str, document_id: str, status: int) -> Any:
    """Do something about a document's adapter; returns what is held of the document, or why not."""
    response = client.post(f"/adapters/{document_id}/{step}")
    assert response.status_code == status, response.text
    body = response.json()
    return body["data"] if status < 300 else body


def listed(client: TestClient) -> Any:
    response = client.get("/adapters")
    assert response.status_code == 200, response.text
    return response.json()


def test_preloaded_adapter_is_listed(
    client: TestClient, answerer: FakeAnswerer, ready_id: str
) -> None:
    """Whose it is, which, where, and how large; the engine got the published file."""
    (shown,) = steer(client, "preload", ready_id, 202)
    (kept,) = answerer.kept_adapters()

    assert shown == listed(client)["data"][0]
    assert shown.pop("last_used_at") == kept.last_used_at.isoformat().replace("+00:00", "Z")
    assert shown == {
        "document_id": ready_id,
        "sha256": "a" * 64,
        "version": 1,
        "tier": "slot",
        "failure": None,
        "size_bytes": len(b"adapter"),
        "num_answers": 0,
        "pinned": False,
    }


def test_list_counts_what_is_held_against_the_limit(
    client: TestClient,
    database: Database,
    store: Store,
    api_settings: Settings,
    ready_id: str,
) -> None:
    """All bytes, and those that are pinned of them."""
    other_id = client.post("/documents", json={"text": "Another"}).json()["id"]
    make_ready(database, store, other_id, "b" * 64)
    steer(client, "preload", ready_id, 202)
    steer(client, "pin", other_id, 202)

    body = listed(client)
    assert [each["pinned"] for each in body["data"]] == [False, True]
    one = len(b"adapter")
    assert (body["size_bytes"], body["pinned_bytes"]) == (2 * one, one)
    assert body["limit_bytes"] == api_settings.adapter_bytes


def test_pin_lasts_until_it_is_ended(client: TestClient, ready_id: str) -> None:
    """Asking for it twice is no error, nor is unpinning what was not pinned."""
    assert [each["pinned"] for each in steer(client, "pin", ready_id, 202)] == [True]
    assert [each["pinned"] for each in steer(client, "preload", ready_id, 202)] == [True]
    assert [each["pinned"] for each in steer(client, "pin", ready_id, 202)] == [True]
    for _ in range(2):
        assert [each["pinned"] for each in steer(client, "unpin", ready_id, 200)] == [False]


def test_evicted_adapter_is_gone_and_can_come_again(client: TestClient, ready_id: str) -> None:
    """Evicting what is not held is no error, either."""
    steer(client, "pin", ready_id, 202)
    for _ in range(2):
        assert steer(client, "evict", ready_id, 200) == []
    assert listed(client)["data"] == []

    assert [each["pinned"] for each in steer(client, "preload", ready_id, 202)] == [False]


def test_too_many_pins_return_409(
    client: TestClient, answerer: FakeAnswerer, ready_id: str
) -> None:
    """The engine's reason is told."""
    answerer.most_pins = 0
    problem = steer(client, "pin", ready_id, 409)

    assert problem["code"] == "adapters_full"
    assert problem["detail"] == "as many memories are pinned as may be"


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("unknown", [NOWHERE, "x", "doc_%00"])
def test_unknown_document_returns_404(client: TestClient, step: str, unknown: str) -> None:
    """Whatever its id looks like."""
    assert steer(client, step, unknown, 404)["code"] == "document_not_found"


@pytest.mark.parametrize("step", ["preload", "pin"])
def test_document_without_an_adapter_returns_409(
    client: TestClient, database: Database, store: Store, document_id: str, step: str
) -> None:
    """Its status is told; why its training failed is its owner's matter."""
    problem = steer(client, step, document_id, 409)
    assert (problem["code"], problem["document_status"]) == ("document_not_ready", "queued")

    fail(database, store, document_id)
    problem = steer(client, step, document_id, 409)
    assert (problem["code"], problem["document_status"]) == ("document_not_ready", "failed")
    assert "too short" not in str(problem)


@pytest.mark.parametrize("step", ["unpin", "evict"])
def test_document_without_an_adapter_has_nothing_to_let_go(
    client: TestClient, document_id: str, step: str
) -> None:
    """That is no error: there is nothing of it afterwards, as was asked for."""
    assert steer(client, step, document_id, 200) == []


def test_version_is_that_of_the_adapter_held(
    client: TestClient, database: Database, store: Store, document_id: str
) -> None:
    """After a relift the older one is held until the document is asked or preloaded."""
    publish(database, store, document_id, b"first")
    steer(client, "preload", document_id, 202)
    do(client, document_id, "relift", preset="paper")
    publish(database, store, document_id, b"second")

    assert [each["version"] for each in listed(client)["data"]] == [1]
    assert [each["version"] for each in steer(client, "preload", document_id, 202)] == [2]


def test_deleted_document_is_held_no_longer(client: TestClient, ready_id: str) -> None:
    """Its pin goes with it."""
    steer(client, "pin", ready_id, 202)
    assert client.delete(f"/documents/{ready_id}").status_code == 204

    assert listed(client)["data"] == []


@pytest.mark.parametrize("step", ["unpin", "evict"])
def test_what_another_process_deleted_can_be_let_go(
    client: TestClient, database: Database, ready_id: str, step: str
) -> None:
    """This one was not told: it holds what has no version any more."""
    steer(client, "pin", ready_id, 202)
    with database.writing() as session:
        documents.remove(session, "local", ready_id)

    assert [each["version"] for each in listed(client)["data"]] == [None]
    steer(client, step, ready_id, 200)
    assert [each["pinned"] for each in listed(client)["data"]] == [False] * (step == "unpin")


@pytest.mark.parametrize("step", ["preload", "pin"])
def test_document_deleted_meanwhile_is_not_held(
    client: TestClient,
    database: Database,
    answerer: FakeAnswerer,
    monkeypatch: pytest.MonkeyPatch,
    ready_id: str,
    step: str,
) -> None:
    """The engine forgot it before it was told to take it in, and is told to forget once more."""
    take_in = getattr(answerer, step)

    def delete_and_take_in(document_id: str, adapter: AdapterFile) -> None:
        client.delete(f"/documents/{document_id}")
        take_in(document_id, adapter)

    monkeypatch.setattr(answerer, step, delete_and_take_in)

    assert steer(client, step, ready_id, 404)["code"] == "document_not_found"
    assert listed(client)["data"] == []


def test_failed_adapter_says_why(
    client: TestClient,
    answerer: FakeAnswerer,
    monkeypatch: pytest.MonkeyPatch,
    ready_id: str,
) -> None:
    """Nobody waited for it who would have been told."""
    steer(client, "preload", ready_id, 202)
    (kept,) = answerer.kept_adapters()
    failed = replace(kept, tier=Tier.FAILED, failure="the adapter is damaged")
    monkeypatch.setattr(answerer, "kept_adapters", lambda: [failed])

    (shown,) = listed(client)["data"]
    assert (shown["tier"], shown["failure"]) == ("failed", "the adapter is damaged")


@pytest.mark.parametrize("call", ["unpin", "evict"])
def test_letting_go_is_noted_although_the_engine_is_away(
    client: TestClient,
    answerer: FakeAnswerer,
    monkeypatch: pytest.MonkeyPatch,
    ready_id: str,
    call: str,
) -> None:
    """Else what ends the engine would be pinned again each time that it is started."""
    noted = list[str]()

    def refuse() -> list[KeptAdapter]:
        raise EngineFailedError("the engine is starting again")

    monkeypatch.setattr(answerer, "kept_adapters", refuse)
    monkeypatch.setattr(answerer, call, noted.append)
    response = client.post(f"/adapters/{ready_id}/{call}")

    assert (response.status_code, response.json()["code"]) == (503, "engine_unavailable")
    assert noted == [ready_id]


def test_engine_that_is_away_returns_503(
    client: TestClient, answerer: FakeAnswerer, monkeypatch: pytest.MonkeyPatch, ready_id: str
) -> None:
    """For looking and for steering."""

    def refuse(*_: object) -> list[KeptAdapter]:
        raise EngineFailedError("the engine is starting again")

    monkeypatch.setattr(answerer, "kept_adapters", refuse)
    monkeypatch.setattr(answerer, "preload", refuse)

    for response in (client.get("/adapters"), client.post(f"/adapters/{ready_id}/preload")):
        assert (response.status_code, response.json()["code"]) == (503, "engine_unavailable")
        assert response.json()["detail"] == "the engine is starting again"
