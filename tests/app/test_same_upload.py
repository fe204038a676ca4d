"""The same upload is the same document: told by bytes, settings and suffix, also at once."""

import threading
import time
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import text

from app import documents, intake
from app.callers import Caller
from app.clock import utc_now
from app.db import Database
from app.intake import Upload
from app.models import LOCAL_OWNER, Document, Job
from app.settings import Settings
from app.storage import StoredFile
from app.storage.folder import FolderStore
from tests.app.actions import do, fail
from tests.rows import LOCAL, count, make_ready


def upload(
    client: TestClient, content: bytes = b"a,b\n1,2\n", name: str = "a.csv", **fields: Any
) -> Response:
    response: Response = client.post("/documents", files={"file": (name, content)}, data=fields)
    assert response.status_code in (200, 202), response.text
    return response


def files(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "store").rglob("*") if path.is_file()]


def test_same_file_is_the_same_document(
    client: TestClient, database: Database, tmp_path: Path
) -> None:
    """The second time nothing is queued and nothing kept; what is shown is what there is."""
    first = upload(client, title="First", priority="3")
    second = upload(client, title="Second", priority="9", device_kind="cuda")
    shown = client.get(first.headers["location"]).json()

    assert (first.status_code, second.status_code) == (202, 200)
    assert first.headers["location"] == second.headers["location"]
    assert shown | second.json() == shown
    assert (second.json()["title"], second.json()["priority"]) == ("First", 3)
    assert (count(database, Document), count(database, Job), len(files(tmp_path))) == (1, 1, 1)


@pytest.mark.parametrize("end", ["ready", "failed", "cancelled"])
def test_same_file_is_answered_with_the_document_as_it_stands(
    client: TestClient, database: Database, store: FolderStore, end: str
) -> None:
    """Whatever became of it; nothing begins anew by itself."""
    document_id = upload(client).json()["id"]
    if end == "ready":
        make_ready(database, store, document_id)
    elif end == "failed":
        fail(database, store, document_id)
    else:
        do(client, document_id, "cancel")

    again = upload(client).json()

    assert (again["id"], again["status"]) == (document_id, end)
    assert count(database, Job) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"content": b"a,b\n1,3\n"},
        {"name": "a.txt"},
        {"name": "a"},
        {"options": '{"seed": 7}'},
        {"preset": "quick"},
        {"duplicate": "true"},
    ],
)
def test_what_differs_is_another_document(client: TestClient, other: dict[str, Any]) -> None:
    """Other bytes, another hint to the kind, other settings; or the wish for one more."""
    first = upload(client)
    second = upload(client, **other)

    assert second.status_code == 202
    assert second.json()["id"] != first.json()["id"]


@pytest.mark.parametrize(
    "same",
    [{"name": "b.csv"}, {"name": "folder/A.CSV"}, {"preset": "balanced-pissa"}, {"options": "{}"}],
)
def test_what_means_the_same_is_the_same(client: TestClient, same: dict[str, str]) -> None:
    """The name but for its suffix, and a default that is written out, make no difference."""
    assert upload(client, **same).json()["id"] == upload(client).json()["id"]


def test_copy_is_never_what_is_found(client: TestClient) -> None:
    """One more copy was wished for as such; who uploads plainly gets the plain one."""
    copy = upload(client, duplicate="true").json()["id"]
    plain = upload(client).json()["id"]

    assert copy != plain
    assert upload(client).json()["id"] == plain


def test_relift_leaves_what_was_uploaded(client: TestClient) -> None:
    """A client that lost the id finds its document, which has other settings by now."""
    document_id = upload(client).json()["id"]
    do(client, document_id, "relift", options={"seed": 8})

    again = upload(client)

    assert (again.status_code, again.json()["id"]) == (200, document_id)
    assert again.json()["version"] == 2


def test_deleted_document_may_come_again(client: TestClient) -> None:
    """It is a new one then."""
    first = upload(client).json()["id"]
    client.delete(f"/documents/{first}")

    again = upload(client)

    assert (again.status_code, again.json()["id"] != first) == (202, True)


def test_text_and_file_of_the_same_words_differ(client: TestClient) -> None:
    """A text has no suffix; a file of the same words without one is the same document."""
    text_id = client.post("/documents", json={"text": "Same words."}).json()["id"]

    assert upload(client, b"Same words.", "a.md").json()["id"] != text_id
    assert upload(client, b"Same words.", "README").json()["id"] == text_id


def test_two_at_once_become_one_document(
    client: TestClient, database: Database, tmp_path: Path
) -> None:
    """One is taken in, the others are answered with it, and their files leave the store."""
    barrier, answers = threading.Barrier(5), []

    def send() -> None:
        barrier.wait()
        answers.append(upload(client))

    threads = [threading.Thread(target=send) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 200, 202]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert (count(database, Document), count(database, Job), len(files(tmp_path))) == (1, 1, 1)


class _WritingStore(FolderStore):
    """A store that needs the database while it writes, as long as nobody holds it."""

    def __init__(self, root: Path, database: Database) -> None:
        super().__init__(root)
        self._database, self.num_writes = database, 0

    def put(self, key: str, source: BinaryIO) -> StoredFile:
        with self._database.writing() as session:
            session.execute(text("DELETE FROM idempotency_keys"))
        self.num_writes += 1
        return super().put(key, source)


@pytest.mark.timeout(20)  # SQLite gives up after 30 seconds
def test_file_is_stored_before_the_database_is_held(
    sqlite: Database, settings: Settings, tmp_path: Path
) -> None:
    """A slow disk keeps no other writer waiting: SQLite has one lock for all of them."""
    store = _WritingStore(tmp_path / "store", sqlite)
    caller = Caller.local(settings)
    for _ in range(2):
        with sqlite.writing() as session:
            sent = Upload(BytesIO(b"Some text."), "a.txt", None, "quick", {})
            taken = intake.create(session, store, caller, sent, 1000, utc_now())

    assert (store.num_writes, taken.is_new) == (2, False)


def test_document_deleted_at_the_same_moment_is_taken_in_anew(
    postgresql: Database, store: FolderStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row stood in the way and is gone when it is looked for: the upload is not lost."""
    caller, original = Caller.local(settings), documents.find_same

    def send() -> intake.Taken:
        with postgresql.writing() as session:
            sent = Upload(BytesIO(b"Some text."), "a.txt", None, "quick", {})
            return intake.create(session, store, caller, sent, 1000, utc_now())

    def find_same(*arguments: Any) -> Any:
        monkeypatch.setattr(documents, "find_same", original)
        with postgresql.writing() as session:
            documents.remove(session, LOCAL_OWNER, first.overview.document.id)
        return original(*arguments)

    first = send()
    monkeypatch.setattr(documents, "find_same", find_same)
    again = send()

    assert again.is_new
    assert count(postgresql, Document) == 1


def test_uploads_that_cross_wait_for_each_other(database: Database, store: FolderStore) -> None:
    """Two transactions bring the same files in opposite order: both are carried out."""
    first_is_in, ended = threading.Event(), list[list[bool]]()

    def bring(*contents: bytes) -> None:
        with database.writing() as session:
            kept = [
                intake.keep(session, store, LOCAL, make_upload(each), 1000, utc_now())
                for each in contents
            ]
            taken = [intake.queue(session, store, LOCAL, kept[0], utc_now())]
            first_is_in.set()
            time.sleep(0.3)  # for the other to begin
            taken.append(intake.queue(session, store, LOCAL, kept[1], utc_now()))
        ended.append([each.is_new for each in taken])

    threads = [threading.Thread(target=bring, args=each) for each in ((b"x", b"y"), (b"y", b"x"))]
    threads[0].start()
    assert first_is_in.wait(10)
    threads[1].start()
    for thread in threads:
        thread.join()

    assert ended == [[True, True], [False, False]]


def make_upload(content: bytes) -> Upload:
    return Upload(BytesIO(content), "a.txt", None, "quick", {})
