"""Entity tags: 304 to whoever has it already, also after a wait; parts of an adapter's file."""

import hashlib
import time
from io import BytesIO

import httpx
import pytest
from fastapi.testclient import TestClient

from app import attempts, jobs
from app.db import Database
from app.jobs import PublishedAdapter
from app.storage import Store, adapter_key
from tests.app.actions import do
from tests.app.live import soon
from tests.rows import NOON, parse

CONTENT = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def publish(database: Database, store: Store, document_id: str, content: bytes = CONTENT) -> str:
    """Bring a queued document to an adapter with real bytes; returns its key."""
    lease = parse(database, store, document_id)
    sha256 = hashlib.sha256(content).hexdigest()
    key = adapter_key(document_id, sha256)
    stored = store.put(key, BytesIO(content))
    with database.writing() as session:
        adapter = PublishedAdapter(sha256, stored.size_bytes, key, "base", {})
        jobs.finish(session, lease, adapter, 1234, NOON)
    return key


def tag_of(client: TestClient | httpx.Client, path: str) -> str:
    return str(client.get(path).headers["etag"])


@pytest.mark.parametrize("form", ["{}", '"other", {}', "*", "  {}  "])
def test_known_document_returns_304_without_a_body(
    client: TestClient, document_id: str, form: str
) -> None:
    """Whoever asks again and again gets nothing as long as there is nothing new."""
    path = f"/documents/{document_id}"
    tag = tag_of(client, path)

    response = client.get(path, headers={"If-None-Match": form.format(tag)})

    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["etag"] == tag
    assert tag.startswith('W/"')


@pytest.mark.parametrize("sent", ['"other"', "", "other", 'W/"'])
def test_other_tag_returns_the_document(client: TestClient, document_id: str, sent: str) -> None:
    """What is not the tag of what is shown changes nothing."""
    response = client.get(f"/documents/{document_id}", headers={"If-None-Match": sent})

    assert (response.status_code, response.json()["id"]) == (200, document_id)


def test_tag_changes_with_whatever_is_shown(
    client: TestClient, database: Database, store: Store, document_id: str
) -> None:
    """Status, stage, progress, place in the queue, adapter: each makes another tag."""
    path = f"/documents/{document_id}"
    tags = [tag_of(client, path)]
    client.post("/documents", json={"text": "first in line", "priority": 9})
    tags.append(tag_of(client, path))
    lease = parse(database, store, document_id)
    tags.append(tag_of(client, path))
    with database.writing() as session:
        attempts.start_stage(session, lease, "train", 40, "steps", NOON)
    tags.append(tag_of(client, path))
    with database.writing() as session:
        attempts.record_progress(session, lease, 2)
    tags.append(tag_of(client, path))
    do(client, document_id, "cancel")
    tags.append(tag_of(client, path))

    assert len(set(tags)) == len(tags)


def test_time_alone_changes_no_tag(
    client: TestClient, database: Database, store: Store, document_id: str
) -> None:
    """The time that is left is told anew each time; it is no news."""
    lease = parse(database, store, document_id)
    path = f"/documents/{document_id}"
    with database.writing() as session:
        attempts.start_stage(session, lease, "train", 40, "steps", NOON.replace(year=2020))
        attempts.record_progress(session, lease, 2)
    first = client.get(path)
    time.sleep(0.01)
    second = client.get(path)

    left = [each.json()["progress"]["eta_seconds"] for each in (first, second)]
    assert left[0] != left[1]
    assert first.headers["etag"] == second.headers["etag"]


def test_wait_in_vain_returns_304(http: httpx.Client, live_id: str) -> None:
    """A long poll whose time is up sends nothing that is known."""
    path = f"/documents/{live_id}"
    headers = {"If-None-Match": tag_of(http, path)}

    began = time.monotonic()
    response = http.get(path, params={"wait": 0.7}, headers=headers)

    assert response.status_code == 304
    assert time.monotonic() - began >= 0.7


def test_wait_ends_with_what_is_new(http: httpx.Client, live_id: str) -> None:
    """A change during the wait is answered with the document as it is then."""
    path = f"/documents/{live_id}"
    headers = {"If-None-Match": tag_of(http, path)}
    timer = soon(lambda: http.post(f"{path}/cancel"))

    response = http.get(path, params={"wait": 30}, headers=headers)
    timer.join()

    assert (response.status_code, response.json()["status"]) == (200, "cancelled")


def test_wait_with_an_outdated_tag_is_no_wait(http: httpx.Client, live_id: str) -> None:
    """What happened between two requests is told at once."""
    path = f"/documents/{live_id}"
    headers = {"If-None-Match": tag_of(http, path)}
    http.post("/documents", json={"text": "first in line", "priority": 9})

    began = time.monotonic()
    response = http.get(path, params={"wait": 30}, headers=headers)

    assert (response.status_code, response.json()["queue_position"]) == (200, 2)
    assert time.monotonic() - began < 5


def test_text_is_asked_for_again(
    client: TestClient, database: Database, store: Store, document_id: str
) -> None:
    """A text never changes, but a deleted one is read no more, nor one by another's key."""
    parse(database, store, document_id)
    first = client.get(f"/documents/{document_id}/text")
    headers = {"If-None-Match": first.headers["etag"]}
    second = client.get(f"/documents/{document_id}/text", headers=headers)

    assert (first.status_code, second.status_code, second.content) == (200, 304, b"")
    assert first.headers["etag"].startswith('"')
    assert {each.headers["cache-control"] for each in (first, second)} == {"private, no-cache"}


def test_adapter_is_downloaded_whole_under_its_hash(
    client: TestClient, database: Database, store: Store, document_id: str
) -> None:
    """The tag is the SHA-256 of what arrives; the name says document and version."""
    publish(database, store, document_id)

    response = client.get(f"/documents/{document_id}/adapter")

    assert (response.status_code, response.content) == (200, CONTENT)
    assert response.headers["etag"] == f'"{SHA256}"'
    assert response.headers["content-length"] == str(len(CONTENT))
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["cache-control"] == "private, no-cache"
    assert response.headers["content-disposition"] == (
        f'attachment; filename="{document_id}-v1.safetensors"'
    )


def test_known_adapter_is_not_sent_again(
    client: TestClient, database: Database, store: Store, document_id: str
) -> None:
    """Not even the store is asked: the file may be gone meanwhile."""
    store.delete(publish(database, store, document_id))

    headers = {"If-None-Match": f'"{SHA256}"'}
    response = client.get(f"/documents/{document_id}/adapter", headers=headers)

    assert (response.status_code, response.content) == (304, b"")


def test_adapter_is_the_one_that_answers(
    client: TestClient, database: Database, store: Store, document_id: str
) -> None:
    """While a relift waits the older memory is given out; afterwards the new one."""
    publish(database, store, document_id)
    do(client, document_id, "relift", options={"seed": 8})
    path = f"/documents/{document_id}/adapter"
    before = client.get(path).content
    publish(database, store, document_id, b"newer")
    headers = {"If-None-Match": f'"{SHA256}"'}

    after = client.get(path, headers=headers)

    assert (before, after.content) == (CONTENT, b"newer")
    assert "-v2.safetensors" in after.headers["content-disposition"]


@pytest.mark.parametrize(
    ("sent", "first", "last"),
    [("bytes=0-9", 0, 9), ("bytes=255990-", 255990, 255999), ("bytes=-5", 255995, 255999)],
)
def test_part_of_an_adapter_is_sent_as_such(
    client: TestClient,
    database: Database,
    store: Store,
    document_id: str,
    sent: str,
    first: int,
    last: int,
) -> None:
    """A download that broke off goes on where it was."""
    publish(database, store, document_id)

    headers = {"Range": sent, "If-Range": f'"{SHA256}"'}
    response = client.get(f"/documents/{document_id}/adapter", headers=headers)

    assert (response.status_code, response.content) == (206, CONTENT[first : last + 1])
    assert response.headers["content-range"] == f"bytes {first}-{last}/{len(CONTENT)}"


@pytest.mark.parametrize(
    "headers",
    [
        {"Range": "bytes=0-9", "If-Range": '"of an older file"'},
        {"Range": "bytes=999999-", "If-Range": '"of an older file"'},
        {"Range": "lines=0-9"},
        {"Range": "bytes=9-0"},
        {"Range": "bytes=-"},
        {"Range": "bytes=0-1,5-6"},
        {"Range": "bytes=" + "9" * 5000 + "-"},
    ],
)
def test_range_that_is_none_gets_the_whole(
    client: TestClient,
    database: Database,
    store: Store,
    document_id: str,
    headers: dict[str, str],
) -> None:
    """Whoever asks for parts of another file, or in another manner, gets this one."""
    publish(database, store, document_id)

    response = client.get(f"/documents/{document_id}/adapter", headers=headers)

    assert (response.status_code, response.content) == (200, CONTENT)


@pytest.mark.parametrize("sent", ["bytes=256000-", "bytes=256000-256009", "bytes=-0"])
def test_range_behind_the_end_returns_416(
    client: TestClient, database: Database, store: Store, document_id: str, sent: str
) -> None:
    """The problem says how long the file is, also to who knows that it is still the same."""
    publish(database, store, document_id)
    for headers in ({"Range": sent}, {"Range": sent, "If-Range": f'"{SHA256}"'}):
        response = client.get(f"/documents/{document_id}/adapter", headers=headers)

        assert (response.status_code, response.json()["code"]) == (416, "range_not_satisfiable")
        assert response.headers["content-range"] == "bytes */256000"


def test_adapter_before_it_is_ready_returns_409_with_progress(
    client: TestClient, database: Database, store: Store, document_id: str
) -> None:
    """As a question would be."""
    lease = parse(database, store, document_id)
    with database.writing() as session:
        attempts.start_stage(session, lease, "train", 40, "steps", NOON)

    response = client.get(f"/documents/{document_id}/adapter")

    assert (response.status_code, response.json()["code"]) == (409, "document_not_ready")
    assert response.json()["progress"]["total"] == 40


def test_lost_adapter_file_returns_409(
    client: TestClient, database: Database, store: Store, document_id: str
) -> None:
    """A relift helps, asking again does not."""
    store.delete(publish(database, store, document_id))

    response = client.get(f"/documents/{document_id}/adapter")

    assert (response.status_code, response.json()["code"]) == (409, "adapter_unusable")


def test_unknown_document_has_no_adapter(client: TestClient, document_id: str) -> None:
    """Nor any tag."""
    client.delete(f"/documents/{document_id}")
    headers = {"If-None-Match": "*"}

    for path in (f"/documents/{document_id}/adapter", f"/documents/{document_id}?wait=5"):
        response = client.get(path, headers=headers)
        assert (response.status_code, response.json()["code"]) == (404, "document_not_found")
