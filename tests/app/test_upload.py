"""`POST /documents`: what is taken in, what is refused, and that nothing is lost."""

import tempfile
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import func, select

from app import documents, jobs
from app.db import Database
from app.main import create_app
from app.models import LOCAL_OWNER, Document, Job
from app.settings import Settings
from app.storage import Store, source_key
from tests.fakes import FakeAnswerer


def upload(client: TestClient, content: bytes, **fields: str) -> Response:
    response: Response = client.post(
        "/documents", files={"file": ("notes.txt", content)}, data=fields
    )
    return response


def num_rows(database: Database) -> int:
    with database.reading() as session:
        return session.scalars(select(func.count()).select_from(Document)).one()


def test_file_upload_returns_202_and_where_to_look(client: TestClient, store: Store) -> None:
    """The bytes are in the store before the answer leaves, and the document is queued."""
    response = upload(client, b"Some text.")

    body = response.json()
    assert response.status_code == 202
    assert response.headers["location"] == f"/documents/{body['id']}"
    assert (body["status"], body["title"], body["size_bytes"]) == ("queued", "notes.txt", 10)
    assert store.read(source_key(body["id"])) == b"Some text."


def test_json_upload_takes_its_title_from_the_first_line(client: TestClient) -> None:
    """A text without title is named by how it begins."""
    response = client.post("/documents", json={"text": "\nMoby Dick\nCall me Ishmael."})

    assert response.status_code == 202
    assert response.json()["title"] == "Moby Dick"


def test_given_title_wins(client: TestClient) -> None:
    """The title that the user gives is kept."""
    assert upload(client, b"Some text.", title="  Notes  ").json()["title"] == "Notes"


def test_options_lie_over_the_preset(client: TestClient, database: Database) -> None:
    """The document keeps all settings as they were when it was uploaded."""
    document_id = upload(client, b"Some text.", preset="paper", options='{"seed": 7}').json()["id"]

    with database.reading() as session:
        overview = documents.get(session, LOCAL_OWNER, document_id)
    assert overview.job.preset == "paper"
    assert documents.method_of(overview).seed == 7
    assert documents.method_of(overview).segment_tokens == 2048


def test_upload_is_durable_while_the_broker_is_away(client: TestClient, database: Database) -> None:
    """Without a broker the answer is still 202, and the job waits for the sweeper."""
    response = upload(client, b"Some text.")

    assert response.status_code == 202
    with database.reading() as session:
        job = session.scalars(select(Job)).one()
    assert (job.state, job.dispatched_at) == ("queued", None)


@pytest.mark.parametrize("as_json", [True, False])
def test_upload_takes_its_place_in_the_queue(client: TestClient, as_json: bool) -> None:
    """Priority and kind of device come from the upload; who has more of the first goes first."""
    client.post("/documents", json={"text": "before"})
    if as_json:
        fields = {"text": "x", "priority": 100, "device_kind": "cuda"}
        body = client.post("/documents", json=fields).json()
    else:
        body = upload(client, b"x", priority="100", device_kind="cuda").json()

    assert (body["priority"], body["device_kind"]) == (100, "cuda")
    assert (body["queue_position"], body["version"]) == (1, 1)


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "document_empty"),
        (b" \n\t", 422, "document_empty"),
        (b"\x89PNG\r\n\x1a\n", 415, "document_unsupported"),
        (b"\0\1\2\3", 415, "document_unsupported"),
        (b"PK\x03\x04 and so on", 422, "document_damaged"),
        (b"PK\x03\x04\x14\0\1" + bytes(60) + b"PK\x05\x06", 422, "document_protected"),
        (b"\xff\xfea\0b", 422, "document_undecodable"),
        (b"x" * 10_001, 413, "document_too_large"),
        (b"x" * 100_000, 413, "body_too_large"),
    ],
)
def test_content_that_is_no_document_is_refused(
    client: TestClient, database: Database, tmp_path: Path, content: bytes, status: int, code: str
) -> None:
    """The problem names what is wrong, and neither a row nor a file stays."""
    response = upload(client, content)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert num_rows(database) == 0
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"preset": "huge"}, "unknown_preset"),
        ({"options": '{"sed": 1}'}, "invalid_option"),
        ({"options": '{"seed": "one"}'}, "invalid_option"),
        ({"options": '{"segment_tokens": 10}'}, "invalid_option"),
        ({"options": "[]"}, "invalid_request"),
        ({"options": "{"}, "invalid_request"),
        ({"title": ""}, "invalid_request"),
        ({"title": "a\0b"}, "invalid_request"),
        ({"title": "x" * 501}, "invalid_request"),
        ({"titel": "x"}, "invalid_request"),
        ({"priority": "101"}, "invalid_request"),
        ({"priority": "-101"}, "invalid_request"),
        ({"priority": "much"}, "invalid_request"),
        ({"device_kind": "tpu"}, "invalid_request"),
    ],
)
def test_wrong_field_returns_422(
    client: TestClient, database: Database, fields: dict[str, str], code: str
) -> None:
    """What the server does not understand it does not guess at."""
    response = upload(client, b"Some text.", **fields)

    assert (response.status_code, response.json()["code"]) == (422, code)
    assert num_rows(database) == 0


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"{}", b'{"text": 1}', b'{"text": "a", "more": 1}', b'{"text": "\\ud800"}'],
)
def test_wrong_json_returns_422(client: TestClient, body: bytes) -> None:
    """JSON that is broken, incomplete or has unknown members is refused."""
    headers = {"content-type": "application/json"}
    response = client.post("/documents", content=body, headers=headers)

    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")


def test_form_without_file_returns_422(client: TestClient) -> None:
    """The problem points at the missing file."""
    response = client.post("/documents", data={"title": "x"}, files={"other": b"x"})

    assert response.status_code == 422
    assert response.json()["errors"] == [{"pointer": "/body/file", "detail": "A file is required"}]


def test_broken_multipart_returns_400(client: TestClient) -> None:
    """A body that is not what its type says is a problem, too."""
    headers = {"content-type": "multipart/form-data"}
    response = client.post("/documents", content=b"x", headers=headers)

    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("media_type", ["text/plain", "application/pdf", ""])
def test_other_content_types_return_415(client: TestClient, media_type: str) -> None:
    """The problem names the two that are taken."""
    headers = {"content-type": media_type}
    response = client.post("/documents", content=b"x", headers=headers)

    assert (response.status_code, response.json()["code"]) == (415, "unsupported_content_type")
    assert "multipart/form-data or application/json" in response.json()["detail"]


def test_files_go_when_the_rows_cannot_come(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that fails in the middle leaves no file behind."""

    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(jobs, "create", fail)

    assert upload(client, b"Some text.").status_code == 500
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []


def test_default_preset_is_that_of_the_settings(client: TestClient, api_settings: Settings) -> None:
    """A document that names no preset gets the server's."""
    assert upload(client, b"Some text.").json()["preset"] == api_settings.preset


def test_files_go_when_the_commit_fails(
    client: TestClient, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upload that was not taken in leaves nothing in the store."""

    def refuse(*_: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(type(database.engine.dialect), "do_commit", refuse)
    response = client.post("/documents", json={"text": "x"})
    monkeypatch.undo()

    assert response.status_code == 500
    assert client.get("/documents").json()["data"] == []
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []


def test_name_of_the_file_is_kept_beside_the_title(client: TestClient, database: Database) -> None:
    """What the document is called does not hide what was uploaded; its folder goes."""
    sent = ("../secret/A\u202e table.CSV", b"a,b\n1,2\n")
    response = client.post("/documents", files={"file": sent}, data={"title": "Mine.md"})

    shown = client.get(response.headers["location"]).json()
    assert (shown["title"], shown["filename"]) == ("Mine.md", "A table.CSV")
    with database.reading() as session:
        assert session.scalars(select(Document.filename)).one() == "A table.CSV"


def test_text_has_no_file_name(client: TestClient) -> None:
    """It came as JSON."""
    assert client.post("/documents", json={"text": "x"}).json()["filename"] is None


def test_upload_without_room_on_the_way_returns_503(
    api_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large file is read to the disk first; if that fails, its sender is told to come again."""
    large = api_settings.model_copy(update={"max_document_bytes": 3_000_000})
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "no such folder"))
    with TestClient(create_app(large, lambda _: FakeAnswerer()), "http://127.0.0.1") as client:
        response = upload(client, b"Some text. " * 200_000)

    assert (response.status_code, response.json()["code"]) == (503, "store_unavailable")
    assert "No such file" in response.json()["detail"]
    assert int(response.headers["retry-after"]) > 0
