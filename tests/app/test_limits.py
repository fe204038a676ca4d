"""What a key's limits refuse, also to those who come at the same time."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Event

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import func, select

from app import training_use
from app.clock import utc_now
from app.db import Database
from app.engine.answerer import Ask, Piece, Reply
from app.main import create_app
from app.models import Document
from app.settings import Settings
from app.storage import Store
from tests.app.keyed import bearer, make_key
from tests.app.live import live_server
from tests.fakes import FakeAnswerer
from tests.rows import make_ready


@pytest.fixture
def api_settings(api_settings: Settings) -> Settings:
    """Settings of a server that asks for keys."""
    return api_settings.model_copy(update={"auth": "keys"})


def key_with(database: Database, name: str = "ann", **limits: int) -> dict[str, str]:
    return bearer(make_key(database, name, limits=limits).secret)


def upload(client: TestClient, headers: dict[str, str], text: str) -> Response:
    response: Response = client.post("/documents", json={"text": text}, headers=headers)
    return response


def use_training(database: Database, owner: str, minutes: float, days_ago: int = 0) -> None:
    use = training_use.Use("job_1", owner, minutes * 60)
    with database.writing() as session:
        training_use.charge(session, [use], utc_now() - timedelta(days=days_ago))


def test_documents_are_counted(client: TestClient, database: Database) -> None:
    """One more than allowed is refused with figures; a deleted one makes room again."""
    headers = key_with(database, max_documents=2)
    first, _ = (upload(client, headers, text) for text in ("one", "two"))

    refused = upload(client, headers, "three")

    assert (refused.status_code, refused.json()["code"]) == (403, "quota_exceeded")
    told = {name: refused.json()[name] for name in ("quota", "used", "limit")}
    assert told == {"quota": "documents", "used": 2, "limit": 2}
    assert "2 of 2 documents are used" in refused.json()["detail"]
    client.delete(f"/documents/{first.json()['id']}", headers=headers)
    assert upload(client, headers, "three").status_code == 202


def test_refused_upload_leaves_nothing(
    client: TestClient, database: Database, store: Store
) -> None:
    """Neither its row nor its file stays."""
    headers = key_with(database, max_documents=1)
    kept = upload(client, headers, "one").json()["id"]

    upload(client, headers, "two")

    assert [each["id"] for each in client.get("/documents", headers=headers).json()["data"]] == [
        kept
    ]
    assert [each.key for each in store.list("")] == [f"documents/{kept}/source"]


def test_bytes_are_counted(client: TestClient, database: Database) -> None:
    """The uploads' sizes together may reach the limit, and not pass it."""
    headers = key_with(database, max_stored_bytes=10)
    statuses = [upload(client, headers, text).status_code for text in ("123456", "1234", "1")]

    assert statuses == [202, 202, 403]


def test_same_upload_again_needs_no_room(client: TestClient, database: Database) -> None:
    """What is there already is no new document."""
    headers = key_with(database, max_documents=1)
    first = upload(client, headers, "one")

    again = upload(client, headers, "one")

    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])


def test_owner_is_counted_whichever_key_is_used(client: TestClient, database: Database) -> None:
    """A second key of one owner gives no second quota, and other owners are not counted."""
    first = key_with(database, "ann", max_documents=1)
    second = bearer(make_key(database, "laptop", owner="ann", limits={"max_documents": 1}).secret)
    other = key_with(database, "bob", max_documents=1)

    statuses = [upload(client, each, "text").status_code for each in (first, other)]

    assert statuses == [202, 202]
    assert upload(client, second, "more").status_code == 403


def test_servers_default_binds_keys_without_a_limit(
    database: Database, api_settings: Settings
) -> None:
    """A key's own limit is stronger than the server's, in both directions."""
    settings = api_settings.model_copy(update={"max_documents": 1})
    plain, wide = key_with(database, "ann"), key_with(database, "bob", max_documents=2)

    with TestClient(create_app(settings, lambda _: FakeAnswerer()), "http://127.0.0.1") as limited:
        statuses = [
            upload(limited, headers, text).status_code
            for headers in (plain, wide)
            for text in ("one", "two")
        ]

    assert statuses == [202, 403, 202, 202]


def test_uploads_at_once_do_not_pass_a_quota_together(
    client: TestClient, database: Database
) -> None:
    """Of many at the same moment, as many are taken as there is room for."""
    headers = key_with(database, max_documents=3)
    with ThreadPoolExecutor(8) as pool:
        texts = [f"text {number}" for number in range(8)]
        answers = list(pool.map(partial(upload, client, headers), texts))

    assert sorted(answer.status_code for answer in answers) == [202] * 3 + [403] * 5
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Document)) == 3


@pytest.mark.parametrize("action", ["retry", "relift"])
def test_used_up_training_time_refuses_more(
    client: TestClient, database: Database, action: str
) -> None:
    """Uploading and training again need time; what is there can be read and deleted."""
    headers = key_with(database, max_training_minutes=10)
    document_id = upload(client, headers, "one").json()["id"]
    client.post(f"/documents/{document_id}/cancel", headers=headers)
    use_training(database, "ann", minutes=10.5)

    for refused in (
        upload(client, headers, "two"),
        client.post(f"/documents/{document_id}/{action}", headers=headers),
    ):
        assert (refused.status_code, refused.json()["quota"]) == (403, "training_minutes")
        assert (refused.json()["used"], refused.json()["limit"]) == (10, 10)
    assert client.get(f"/documents/{document_id}", headers=headers).status_code == 200
    assert client.delete(f"/documents/{document_id}", headers=headers).status_code == 204


def test_used_up_training_time_hinders_nothing_that_trains_nothing(
    client: TestClient, database: Database
) -> None:
    """What waits already is not retried, and what is not there is not found."""
    headers = key_with(database, max_training_minutes=10)
    document_id = upload(client, headers, "one").json()["id"]
    use_training(database, "ann", minutes=10.5)

    for action in ("retry", "relift"):
        unknown = client.post(f"/documents/doc_{'0' * 26}/{action}", headers=headers)
        waiting = client.post(f"/documents/{document_id}/{action}", headers=headers)
        assert (unknown.status_code, waiting.status_code) == (404, 202)


@pytest.mark.parametrize(("days_ago", "status"), [(0, 403), (28, 403), (30, 202)])
def test_training_time_comes_back_after_thirty_days(
    client: TestClient, database: Database, days_ago: int, status: int
) -> None:
    """The window moves day by day."""
    headers = key_with(database, max_training_minutes=10)
    use_training(database, "ann", minutes=10, days_ago=days_ago)

    assert upload(client, headers, "one").status_code == status


class SlowAnswerer(FakeAnswerer):
    """Answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.came, self.go = Event(), Event()

    def stream(self, ask: Ask) -> Iterator[Piece | Reply]:
        self.came.set()
        assert self.go.wait(20)
        return super().stream(ask)


@pytest.fixture
def answerer() -> SlowAnswerer:
    """An engine that takes its time."""
    return SlowAnswerer()


def test_questions_at_once_are_counted(
    live_app: FastAPI, database: Database, store: Store, answerer: SlowAnswerer
) -> None:
    """One more at the same time is refused and may come later; another key's is answered."""
    mine, other = key_with(database, max_concurrent_asks=1), key_with(database, "bob")
    with live_server(live_app) as live, ThreadPoolExecutor(2) as pool:
        http = httpx.Client(base_url=live.url, timeout=30.0, trust_env=False)

        def ask(headers: dict[str, str], document_id: str) -> Response:
            path = f"/documents/{document_id}/ask"
            return http.post(path, json={"question": "Who?"}, headers=headers)

        ids = []
        for headers in (mine, other):
            ids.append(http.post("/documents", json={"text": "x"}, headers=headers).json()["id"])
            make_ready(database, store, ids[-1])
        waiting = pool.submit(ask, mine, ids[0])
        assert answerer.came.wait(20), waiting.result().text
        second = pool.submit(ask, other, ids[1])
        refused = ask(mine, ids[0])
        answerer.go.set()
        answered = [waiting.result().status_code, second.result().status_code]
        later = ask(mine, ids[0]).status_code
        http.close()

    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_asks")
    assert (refused.headers["retry-after"], refused.json()["limit"]) == ("2", 1)
    assert answered == [200, 200]
    assert later == 200
