"""`POST /batches`: an archive's files become documents, all or none."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from app.db import Database
from app.storage import Store, source_key
from tests.app.test_upload import num_rows
from tests.ingest.made import make_pdf, make_zip
from tests.waiting import wait_until

FILES = {
    "notes/part 10.md": b"# Ten\n\nThe tenth.",
    "notes/part 9.txt": b"The ninth.",
    "scan/page.pdf": make_pdf([["On a page."]]),
    "__MACOSX/._page.pdf": b"junk",
}


def send(client: TestClient, archive: bytes, headers: Any = None, **fields: str) -> Response:
    response: Response = client.post(
        "/batches", files={"file": ("all.zip", archive)}, data=fields, headers=headers
    )
    return response


def files_of(store: Store) -> list[str]:
    return [found.key for found in store.list("documents")]


def test_each_file_becomes_a_document(client: TestClient, store: Store) -> None:
    """They are queued in natural order, named by their paths, each with its own bytes."""
    response = send(client, make_zip(FILES))

    entries = response.json()["data"]
    assert response.status_code == 202
    assert [entry["file"] for entry in entries] == [
        "notes/part 9.txt",
        "notes/part 10.md",
        "scan/page.pdf",
    ]
    for entry in entries:
        document = entry["document"]
        assert (entry["is_new"], document["title"]) == (True, entry["file"])
        assert document["status"] == "queued"
        assert store.read(source_key(document["id"])) == FILES[entry["file"]]


def test_settings_are_those_of_every_file(client: TestClient) -> None:
    """Preset, options and priority stand once, beside the archive."""
    sent = {"preset": "quick", "options": '{"num_qa_pairs": 3}', "priority": "7"}
    entries = send(client, make_zip(FILES), **sent).json()["data"]

    assert [entry["document"]["preset"] for entry in entries] == ["quick"] * 3
    assert [entry["document"]["priority"] for entry in entries] == [7] * 3


@pytest.mark.parametrize(
    ("bad", "status", "code", "detail"),
    [
        ({"b.png": b"\x89PNG\r\n\x1a\n"}, 415, "document_unsupported", "'b.png': .*PNG image"),
        ({"b.txt": b" \n"}, 422, "document_empty", "'b.txt': .*empty"),
        ({"b.txt": b"x" * 10_001}, 413, "document_too_large", "'b.txt': .*10000 bytes"),
        ({"b.docx": b"PK\3\4 and so on"}, 422, "document_damaged", "'b.docx': .*not whole"),
    ],
)
def test_one_bad_file_refuses_all_and_is_named(
    client: TestClient,
    database: Database,
    store: Store,
    bad: dict[str, bytes],
    status: int,
    code: str,
    detail: str,
) -> None:
    """Nothing of the others stays, neither rows nor files."""
    response = send(client, make_zip({"a.txt": b"fine", **bad}))

    problem = response.json()
    assert (response.status_code, problem["code"]) == (status, code)
    assert problem["file"] == next(iter(bad))
    assert detail.split(": ")[0] in problem["detail"]
    assert detail.rpartition(".*")[2] in problem["detail"]
    assert (num_rows(database), files_of(store)) == (0, [])


@pytest.mark.parametrize(
    ("archive", "status", "code"),
    [
        (b"just text", 415, "document_unsupported"),
        (make_zip({f"{n}.txt": "x" for n in range(50)}, 0)[:1000], 422, "document_damaged"),
        (make_zip({f"{n}": "" for n in range(101)}), 413, "document_over_limit"),
        (make_zip({}), 415, "document_unsupported"),
    ],
)
def test_what_is_no_archive_of_documents_is_refused(
    client: TestClient, archive: bytes, status: int, code: str
) -> None:
    """The refusal has the code that the same trouble has elsewhere."""
    response = send(client, archive)

    assert (response.status_code, response.json()["code"]) == (status, code)


def test_same_archive_gives_the_same_documents(client: TestClient, database: Database) -> None:
    """Each file is known by its bytes; a key makes the second request the first one's echo."""
    first = send(client, make_zip(FILES)).json()["data"]
    again = send(client, make_zip({**FILES, "new.txt": b"new"})).json()["data"]
    by_key = [send(client, make_zip({"k.txt": b"k"}), {"Idempotency-Key": "one"}) for _ in range(2)]

    known = {entry["file"]: entry["document"]["id"] for entry in again if not entry["is_new"]}
    assert known == {entry["file"]: entry["document"]["id"] for entry in first}
    assert num_rows(database) == 5
    assert by_key[0].content == by_key[1].content
    assert by_key[1].headers["idempotency-replayed"] == "true"


def test_title_of_an_archive_is_refused(client: TestClient) -> None:
    """A field that could only be for one document is none here."""
    response = send(client, make_zip(FILES), title="All")

    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/body/title")


def test_json_is_no_archive(client: TestClient) -> None:
    """The path takes multipart alone."""
    assert client.post("/batches", json={"text": "x"}).status_code == 415


def test_others_are_served_while_archives_are_unpacked(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Slow archives wait for one another, and nobody else for them."""
    begun, served = tmp_path / "begun", tmp_path / "served"
    program = tmp_path / "slow.py"
    program.write_text(
        "import time\nfrom pathlib import Path\n"
        f"Path({str(begun)!r}).touch()\n"
        f"while not Path({str(served)!r}).exists():\n    time.sleep(0.05)\n"
    )
    monkeypatch.setattr("app.ingest.child.__file__", str(program))
    with ThreadPoolExecutor(4) as threads:
        sent = [threads.submit(send, client, make_zip(FILES)) for _ in range(4)]
        wait_until(begun.exists, 30)
        status = client.get("/documents").status_code
        served.touch()
        refused = [each.result().status_code for each in sent]

    assert status == 200
    assert refused == [422] * 4
