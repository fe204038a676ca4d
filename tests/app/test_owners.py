"""Whose documents one sees: every operation there is, with another owner's key and with none.

An operation that a later route adds fails here until it is said how a stranger would call it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app import attempts, jobs
from app.clock import new_id
from app.db import Database
from app.lift.observer import QAPair
from app.main import create_app
from app.settings import Settings
from app.storage import Store
from tests.app.actions import REFUSAL
from tests.app.keyed import bearer, make_key
from tests.app.live import live_server
from tests.fakes import FakeAnswerer
from tests.ingest.made import make_zip
from tests.rows import NOON, make_ready, parse

TREASURE = "treasure"
"""Stands in the title, the text and the pairs of the document that nobody else may see."""
ASKS = {
    "ask_document",
    "stream_answer",
    "ask_documents",
    "stream_answers",
    "create_chat_completion",
}
OPEN = {"get_health", "get_readiness"}
"""What needs no key. Stated here again, so that opening more is noticed."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a stranger calls an operation with the id of somebody else's document."""

    status: int = 404
    json: Any = None
    is_list: bool = False
    """Answers 200 with nothing in it, in place of a refusal."""
    more: dict[str, Any] = field(default_factory=dict)


RECIPES = {
    "create_document": Recipe(202, {"text": "a stranger's text"}),
    "create_documents": Recipe(
        202, more={"files": {"file": ("all.zip", make_zip({"a.txt": "a stranger's text"}))}}
    ),
    "list_documents": Recipe(200, is_list=True),
    "get_document": Recipe(more={"params": {"wait": 30}}),
    "get_text": Recipe(),
    "get_adapter": Recipe(),
    "list_pairs": Recipe(),
    "delete_document": Recipe(),
    "cancel_document": Recipe(),
    "retry_document": Recipe(),
    "relift_document": Recipe(json={"preset": "quick"}),
    "list_events": Recipe(),
    "stream_events": Recipe(),
    "ask_document": Recipe(json={"question": "Who?"}),
    "stream_answer": Recipe(json={"question": "Who?"}),
    "ask_documents": Recipe(json={"question": "Who?", "document_ids": ["{id}"]}),
    "stream_answers": Recipe(json={"question": "Who?", "document_ids": ["{id}"]}),
    "get_limits": Recipe(200),
    "list_adapters": Recipe(403),
    "preload_adapter": Recipe(403),
    "pin_adapter": Recipe(403),
    "unpin_adapter": Recipe(403),
    "evict_adapter": Recipe(403),
    "create_key": Recipe(403, {"name": "eve"}),
    "list_keys": Recipe(403),
    "revoke_key": Recipe(403),
    "list_models": Recipe(200, is_list=True),
    "get_model": Recipe(),
    "create_chat_completion": Recipe(
        json={"model": "{id}", "messages": [{"role": "user", "content": "Who?"}]}
    ),
}


@pytest.fixture
def app(settings: Settings, database: Database) -> FastAPI:
    """An application that asks for keys."""
    url = database.engine.url.render_as_string(hide_password=False)
    settings = settings.model_copy(update={"database_url": url, "auth": "keys"})
    return create_app(settings, lambda _: FakeAnswerer())


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """A client without a key."""
    with TestClient(app, "http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def ann(database: Database) -> dict[str, str]:
    """The header of whose documents the tests are about."""
    return bearer(make_key(database, "ann").secret)


@pytest.fixture
def eve(database: Database) -> dict[str, str]:
    """The header of somebody else."""
    return bearer(make_key(database, "eve").secret)


@pytest.fixture
def document_id(client: TestClient, database: Database, store: Store, ann: dict[str, str]) -> str:
    """A document of Ann's with everything that a document can have, and a newer version to come."""
    body = {"text": f"The {TREASURE}.", "title": f"The {TREASURE}"}
    document_id = str(client.post("/documents", json=body, headers=ann).json()["id"])
    make_ready(database, store, document_id)
    relifted = client.post(
        f"/documents/{document_id}/relift", json={"preset": "paper"}, headers=ann
    )
    assert relifted.status_code == 202
    lease = parse(database, store, document_id, f"The {TREASURE}.")
    with database.writing() as session:
        attempts.add_pairs(session, lease, [QAPair("Where?", TREASURE, TREASURE, 4)], 1)
    with database.writing() as session:
        jobs.fail_attempt(session, lease, REFUSAL, 3, NOON)
    return document_id


def operations(app: FastAPI) -> list[tuple[str, str, str]]:
    """Return all operations that need a key: id, method and path."""
    return [
        (operation["operationId"], method, path)
        for path, methods in app.openapi()["paths"].items()
        for method, operation in methods.items()
        if operation["operationId"] not in OPEN
    ]


def call(
    client: httpx.Client, operation: tuple[str, str, str], document_id: str, **request: Any
) -> httpx.Response:
    """Call an operation on a document as its recipe says."""
    name, method, path = operation
    assert name in RECIPES, f"say in RECIPES how a stranger would call {name}"
    for place in ("document_id", "model", "key_id"):
        path = path.replace(f"{{{place}}}", document_id)
    assert "{" not in path, f"{name}: no test knows what to put into {path}"
    recipe = RECIPES[name]
    if recipe.json is not None:
        request["json"] = json.loads(json.dumps(recipe.json).replace("{id}", document_id))
    return client.request(method, path, **recipe.more, **request)


def shown(client: TestClient, ann: dict[str, str], document_id: str) -> list[str]:
    """Return all that Ann sees of her document."""
    paths = ("", "/text", "/qa-pairs", "/events")
    return [client.get(f"/documents/{document_id}{path}", headers=ann).text for path in paths]


def test_document_that_strangers_call_for_holds_something(
    client: TestClient, ann: dict[str, str], document_id: str
) -> None:
    """Its owner sees of it what nobody else may: else the tests here would show nothing."""
    first, text, pairs, events = shown(client, ann, document_id)

    assert all(TREASURE in each for each in (first, text, pairs))
    assert "stage" in events or "done" in events


def test_strangers_document_is_no_start_for_a_changed_text(
    client: TestClient, ann: dict[str, str], eve: dict[str, str], document_id: str
) -> None:
    """It is refused as one that is not there; its owner may start from it."""
    body = {"text": "Another text.", "starts_from": document_id}
    refused = client.post("/documents", json=body, headers=eve)
    granted = client.post("/documents", json=body, headers=ann)

    assert (refused.status_code, refused.json()["code"]) == (404, "document_not_found")
    assert granted.status_code == 202


def test_no_operation_shows_another_owners_document(
    app: FastAPI, client: TestClient, ann: dict[str, str], eve: dict[str, str], document_id: str
) -> None:
    """With another's id one gets what one gets with an id that nobody has, and changes nothing."""
    before = shown(client, ann, document_id)
    nowhere = new_id("doc")

    for operation in operations(app):
        recipe = RECIPES.get(operation[0], Recipe())
        answer = call(client, operation, document_id, headers=eve)
        absent = call(client, operation, nowhere, headers=eve)

        assert answer.status_code == recipe.status, (operation, answer.text)
        assert TREASURE not in answer.text, operation
        if recipe.status == 404:
            assert _told(answer, document_id) == _told(absent, nowhere), operation
        if recipe.is_list:
            mine = [each for each in answer.json()["data"] if each["id"] == document_id]
            assert not mine, operation
    assert shown(client, ann, document_id) == before


def test_no_operation_answers_without_a_key(
    app: FastAPI, client: TestClient, document_id: str
) -> None:
    """Whatever it is, who sends no key is told to."""
    for operation in operations(app):
        answer = call(client, operation, document_id)

        assert answer.status_code == 401, (operation, answer.text)
        assert answer.headers["www-authenticate"] == "Bearer", operation
        assert TREASURE not in answer.text, operation


@pytest.mark.parametrize("scope", ["read", "write", "admin"])
def test_operation_needs_its_scope_and_no_other(
    app: FastAPI, client: TestClient, database: Database, document_id: str, scope: str
) -> None:
    """Reading and asking need `read`, changing needs `write`, keys and engine need `admin`."""
    headers = bearer(make_key(database, "bob", scopes={scope}).secret)

    for operation in operations(app):
        name, method, path = operation
        needed = "read" if method == "get" or name in ASKS else "write"
        needed = "admin" if path.startswith(("/keys", "/adapters")) else needed
        answer = call(client, operation, document_id, headers=headers)

        assert (answer.status_code == 403) == (needed != scope), (operation, answer.text)


def test_operator_sees_which_documents_are_held_and_nothing_of_them(
    app: FastAPI, client: TestClient, database: Database, ann: dict[str, str], document_id: str
) -> None:
    """Adapters of all owners by their ids; no title, no text, and no way to change a document."""
    headers = bearer(make_key(database, "bob", scopes={"admin"}).secret)
    before = shown(client, ann, document_id)

    for step in ("pin", "preload", "unpin"):
        answer = client.post(f"/adapters/{document_id}/{step}", headers=headers)
        assert [held["document_id"] for held in answer.json()["data"]] == [document_id]
        assert TREASURE not in answer.text
    listed = client.get("/adapters", headers=headers)
    assert [held["document_id"] for held in listed.json()["data"]] == [document_id]
    assert TREASURE not in listed.text
    assert client.post(f"/adapters/{document_id}/evict", headers=headers).json() == {"data": []}
    assert shown(client, ann, document_id) == before


def test_pages_count_ones_own_documents_alone(
    client: TestClient, ann: dict[str, str], eve: dict[str, str]
) -> None:
    """Others' documents between one's own make no page shorter and no list longer."""
    for number, headers in enumerate((ann, eve, ann, eve, ann)):
        client.post("/documents", json={"text": f"{number}", "title": "T"}, headers=headers)

    for filters in ({}, {"status": "queued"}, {"q": "t"}):
        pages = _pages(client, eve, filters)

        assert [len(page["data"]) for page in pages] == [1, 1], filters
        assert [page["has_more"] for page in pages] == [True, False], filters


def test_stranger_hears_no_stream_and_waits_for_no_change(
    app: FastAPI, ann: dict[str, str], eve: dict[str, str]
) -> None:
    """On a real connection, too, and at once: waiting would tell that there is something."""
    with live_server(app) as live, httpx.Client(base_url=live.url, trust_env=False) as http:
        made = http.post("/documents", json={"text": TREASURE}, headers=ann).json()["id"]
        for path in (f"/documents/{made}/events/stream", f"/documents/{made}?wait=30"):
            response = http.get(path, headers=eve, timeout=5.0)
            assert response.status_code == 404
            assert TREASURE not in response.text


def _pages(
    client: TestClient, headers: dict[str, str], filters: dict[str, str]
) -> list[dict[str, Any]]:
    pages, cursor = [], {}
    while True:
        params = {"limit": "1"} | filters | cursor
        pages.append(client.get("/documents", params=params, headers=headers).json())
        if not pages[-1]["next_cursor"]:
            return pages
        cursor = {"cursor": pages[-1]["next_cursor"]}


def _told(answer: httpx.Response, document_id: str) -> tuple[Any, ...]:
    told = answer.json()
    told.pop("request_id", None)
    headers = {name for name in answer.headers if name != "x-request-id"}
    return str(told).replace(document_id, "ID"), headers
