"""The API while its bucket is away: told as such, and nothing half done."""

import hashlib
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from app.db import Database
from app.main import create_app
from app.settings import Settings
from app.storage import open_store, s3
from tests.fakes import FakeAnswerer
from tests.rows import make_ready
from tests.s3 import S3Server


@pytest.fixture
def s3_client(
    s3_settings: Settings, sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestClient]:
    """A client of an API whose documents lie in a bucket; nothing is tried twice."""
    monkeypatch.setitem(s3._RETRIES, "max_retries", 0)
    app = create_app(s3_settings, lambda _: FakeAnswerer())
    with TestClient(app, "http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client


def _upload(client: TestClient) -> str:
    document_id: str = client.post("/documents", json={"text": "Its text."}).json()["id"]
    return document_id


def _go_away(server: S3Server) -> None:
    server.refuses = lambda _: True


def test_upload_is_refused_and_leaves_no_document(
    s3_client: TestClient, s3_server: S3Server
) -> None:
    """202 is a promise: without the store there is none."""
    _go_away(s3_server)
    response = s3_client.post("/documents", json={"text": "Its text."})
    s3_server.healed()

    assert (response.status_code, response.json()["code"]) == (503, "store_unavailable")
    assert s3_client.get("/documents").json()["data"] == []


def test_question_and_text_wait_for_better_times(
    s3_client: TestClient, s3_settings: Settings, sqlite: Database, s3_server: S3Server
) -> None:
    """The memory is not said to be broken; afterwards all goes on."""
    document_id = _upload(s3_client)
    make_ready(sqlite, open_store(s3_settings), document_id)
    ask = {"question": "Who?"}
    _go_away(s3_server)
    away = [
        s3_client.post(f"/documents/{document_id}/ask", json=ask),
        s3_client.get(f"/documents/{document_id}/text"),
    ]
    s3_server.healed()

    assert [response.json()["code"] for response in away] == ["store_unavailable"] * 2
    assert s3_client.post(f"/documents/{document_id}/ask", json=ask).status_code == 200
    assert s3_client.get(f"/documents/{document_id}/text").text == "Its text."


def test_deleted_document_is_deleted_though_its_files_are_not(
    s3_client: TestClient, s3_settings: Settings, s3_server: S3Server
) -> None:
    """The rows go at once; the files are left for `lift doctor`."""
    document_id = _upload(s3_client)
    _go_away(s3_server)
    response = s3_client.delete(f"/documents/{document_id}")
    s3_server.healed()

    assert response.status_code == 204
    assert s3_client.get(f"/documents/{document_id}").status_code == 404
    assert [found.key for found in open_store(s3_settings).list("documents")] == [
        f"documents/{document_id}/source"
    ]


def test_health_check_names_the_store(s3_client: TestClient, s3_server: S3Server) -> None:
    """Whoever watches the server is told what to look at."""
    sound = s3_client.get("/readyz").json()["failed"]
    _go_away(s3_server)

    assert "store" not in sound  # the broker of these tests is away for good
    assert "store" in s3_client.get("/readyz").json()["failed"]


def test_memory_is_downloaded_from_the_bucket(
    s3_client: TestClient, s3_settings: Settings, sqlite: Database
) -> None:
    """Its file is brought here and checked, whole or a part of it."""
    document_id = _upload(s3_client)
    make_ready(sqlite, open_store(s3_settings), document_id, hashlib.sha256(b"adapter").hexdigest())
    path = f"/documents/{document_id}/adapter"

    whole, part = (s3_client.get(path, headers=each) for each in ({}, {"Range": "bytes=2-4"}))

    assert (whole.status_code, whole.content) == (200, b"adapter")
    assert (part.status_code, part.content) == (206, b"apt")


def test_memory_that_is_damaged_in_the_bucket_is_not_given_out(
    s3_client: TestClient, s3_settings: Settings, sqlite: Database
) -> None:
    """Its hash is not the one that it was published under."""
    document_id = _upload(s3_client)
    make_ready(sqlite, open_store(s3_settings), document_id)  # under a hash of its own invention

    response = s3_client.get(f"/documents/{document_id}/adapter")

    assert (response.status_code, response.json()["code"]) == (409, "adapter_unusable")


def test_memory_waits_for_better_times(
    s3_client: TestClient, s3_settings: Settings, sqlite: Database, s3_server: S3Server
) -> None:
    """A bucket that is away says nothing about the memory."""
    document_id = _upload(s3_client)
    make_ready(sqlite, open_store(s3_settings), document_id)
    _go_away(s3_server)
    response = s3_client.get(f"/documents/{document_id}/adapter")
    s3_server.healed()

    assert (response.status_code, response.json()["code"]) == (503, "store_unavailable")
