"""`GET /documents`: by status and by title, page by page, without looking at what is not shown."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event

from app.db import Database
from app.storage import Store
from tests.app.actions import do, fail
from tests.rows import make_ready


@pytest.fixture
def statements(client: TestClient) -> list[str]:
    """The statements that the API sends."""
    sent: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        sent.append(statement)

    engine = client.app.state.services.database.engine  # type: ignore[attr-defined]
    event.listen(engine, "before_cursor_execute", note)
    return sent


def upload(client: TestClient, title: str) -> str:
    return str(client.post("/documents", json={"text": title, "title": title}).json()["id"])


def titles(client: TestClient, **params: Any) -> list[str]:
    response = client.get("/documents", params=params)
    assert response.status_code == 200, response.text
    return [document["title"] for document in response.json()["data"]]


def test_status_is_that_of_the_newest_version(
    client: TestClient, database: Database, store: Store
) -> None:
    """Each document stands under one status only, whatever its older versions were."""
    ids = {title: upload(client, title) for title in ("ready", "relifted", "failed", "waiting")}
    make_ready(database, store, ids["ready"])
    make_ready(database, store, ids["relifted"])
    do(client, ids["relifted"], "relift", options={"seed": 8})
    fail(database, store, ids["failed"])

    assert titles(client, status="ready") == ["ready"]
    assert titles(client, status="failed") == ["failed"]
    assert sorted(titles(client, status="queued")) == ["relifted", "waiting"]
    assert titles(client, status="running") == titles(client, status="cancelled") == []


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("report", ["Annual REPORT 2", "Annual Report 1"]),
        ("l r", ["Annual REPORT 2", "Annual Report 1"]),
        ("50%", ["50% off"]),
        ("%", ["50% off"]),
        ("_", []),
        ("\\", []),
        ("' OR 1=1 --", []),
    ],
)
def test_part_of_a_title_is_found_as_it_is_written(
    client: TestClient, q: str, found: list[str]
) -> None:
    """Case does not matter; what means something to a database does not either."""
    for title in ("Annual Report 1", "50% off", "Annual REPORT 2"):
        upload(client, title)

    assert sorted(titles(client, q=q)) == sorted(found)


def test_filters_hold_on_all_pages(client: TestClient) -> None:
    """The cursor goes on behind the last one shown; no page is short but the last."""
    for number in range(7):
        upload(client, f"{'odd' if number % 2 else 'even'} {number}")
    first = client.get("/documents", params={"q": "even", "limit": 3}).json()
    cursor = first["next_cursor"]

    second = client.get("/documents", params={"q": "even", "limit": 3, "cursor": cursor}).json()

    assert len({document["title"] for page in (first, second) for document in page["data"]}) == 4
    assert [len(page["data"]) for page in (first, second)] == [3, 1]
    assert (second["has_more"], second["next_cursor"]) == (False, None)


def test_both_filters_hold_together(client: TestClient, database: Database, store: Store) -> None:
    """A document must meet all that is asked."""
    ids = [upload(client, title) for title in ("one", "two")]
    for document_id in ids:
        make_ready(database, store, document_id)

    assert titles(client, status="ready", q="tw") == ["two"]
    assert titles(client, status="queued", q="tw") == []


@pytest.mark.parametrize("params", [{"status": "done"}, {"q": ""}, {"q": "x" * 201}, {"q": "a\0"}])
def test_filter_that_is_none_returns_422(client: TestClient, params: dict[str, str]) -> None:
    """What the server does not understand it does not guess at."""
    response = client.get("/documents", params=params)

    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")


def test_queue_is_not_looked_at_for_those_who_do_not_wait(
    client: TestClient, statements: list[str], database: Database, store: Store
) -> None:
    """A page of ready documents costs the same however many wait."""
    make_ready(database, store, upload(client, "ready"))
    upload(client, "waiting")
    statements.clear()

    titles(client, status="ready")
    without = [each for each in statements if "jobs.priority DESC" in each]
    titles(client)

    assert without == []
    assert len([each for each in statements if "jobs.priority DESC" in each]) == 1
