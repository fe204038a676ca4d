"""The store in a bucket, on a real server: what goes wrong on the way, and the local copies."""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pytest

from app.settings import Settings
from app.storage import DamagedFileError, Store, StoreError, open_store, s3, source_key
from tests.s3 import ACCOUNT, SECRET, Asked, S3Server

KEY = source_key("doc_1")
TWO_PARTS = os.urandom(9 * 1024 * 1024)


def _fetch(store: Store, sha256: str) -> bytes:
    with store.fetch(KEY, sha256) as path:
        return path.read_bytes()


DOINGS: dict[str, Callable[[Store], object]] = {
    "put": lambda store: store.put(KEY, BytesIO(b"x")),
    "put in parts": lambda store: store.put(KEY, BytesIO(TWO_PARTS)),
    "read": lambda store: store.read(KEY),
    "chunks": lambda store: list(store.chunks(KEY)),
    "fetch": lambda store: _fetch(store, "0" * 64),
    "list": lambda store: list(store.list("documents")),
    "move": lambda store: store.move(KEY, "x"),
    "delete": lambda store: store.delete(KEY),
    "delete_document": lambda store: store.delete_document("doc_1"),
    "discard_abandoned": lambda store: store.discard_abandoned(),
    "check_writable": lambda store: store.check_writable(),
}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is tried twice."""
    monkeypatch.setitem(s3._RETRIES, "max_retries", 0)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("doing", DOINGS)
def test_server_that_is_away_is_told(s3_settings: Settings, tmp_path: Path, doing: str) -> None:
    """Every call ends in one line that names no account, and leaves no file on this machine."""
    away = open_store(s3_settings.model_copy(update={"s3_endpoint_url": "http://127.0.0.1:1"}))

    with pytest.raises(StoreError) as told:
        DOINGS[doing](away)

    assert str(told.value).startswith("the S3 store cannot ")
    assert "error sending request" in str(told.value)
    assert "\n" not in str(told.value)
    assert list((tmp_path / "cache" / "incoming").glob("*")) == []


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("doing", DOINGS)
def test_refusal_is_told_without_its_secrets(
    s3_settings: Settings, s3_server: S3Server, doing: str
) -> None:
    """A server quotes the whole request in its refusal; its code is all that is repeated."""
    refusal = (
        f"<?xml version='1.0'?>\n<Error><Code>SignatureDoesNotMatch</Code><Message>{SECRET}"
        f"</Message><AWSAccessKeyId>{ACCOUNT}</AWSAccessKeyId></Error>"
    )
    s3_server.refusal = ("403 Forbidden", refusal.encode())
    s3_server.refuses = lambda _: True

    with pytest.raises(StoreError, match=r"403 Forbidden \(SignatureDoesNotMatch\)") as told:
        DOINGS[doing](open_store(s3_settings))

    assert SECRET not in str(told.value)
    assert ACCOUNT not in str(told.value)
    assert told.value.__suppress_context__  # a traceback would quote the library


@pytest.mark.parametrize("doing", ["put", "read", "list"])
def test_missing_bucket_is_told(s3_settings: Settings, doing: str) -> None:
    """It is no missing file."""
    nowhere = open_store(s3_settings.model_copy(update={"store_url": "s3://no-such-bucket"}))

    with pytest.raises(StoreError, match="no bucket 'no-such-bucket'"):
        DOINGS[doing](nowhere)


def test_upload_that_fails_in_a_part_leaves_nothing(
    s3_settings: Settings, s3_server: S3Server, impatient: None
) -> None:
    """What was there stays, and the parts that had arrived are taken back."""
    store = open_store(s3_settings)
    store.put(KEY, BytesIO(b"old"))
    s3_server.refuses = lambda asked: "partNumber=2" in asked.query

    with pytest.raises(StoreError, match="cannot write"):
        store.put(KEY, BytesIO(TWO_PARTS))

    s3_server.healed()
    bucket = s3_settings.resolved_store_url.split("/")[2]
    assert store.read(KEY) == b"old"
    assert b"<Upload>" not in s3_server.unfinished_uploads(bucket)


def test_hiccup_is_tried_again(s3_store: Store, s3_server: S3Server) -> None:
    """A server that fails twice and then works has not failed."""
    answers = iter([True, True])
    s3_server.refuses = lambda _: next(answers, False)

    s3_store.put(KEY, BytesIO(b"x"))

    assert s3_store.read(KEY) == b"x"


def test_server_that_says_nothing_is_given_up(
    s3_settings: Settings, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, impatient: None
) -> None:
    """A connection that hangs ends like one that is refused."""
    monkeypatch.setitem(s3._TIMEOUTS, "read_timeout", "200ms")
    store = open_store(s3_settings)
    given_up = threading.Event()
    s3_server.refuses = lambda _: given_up.wait(60)

    with pytest.raises(StoreError, match="cannot read"):
        store.read(KEY)
    given_up.set()


def test_byte_lost_on_the_way_is_noticed(s3_store: Store, s3_server: S3Server) -> None:
    """What arrived is not what was sent: the put has failed, and nothing of it stays."""
    s3_server.loses_a_byte = lambda asked: asked.method == "PUT"

    with pytest.raises(StoreError, match="kept 8 of 9 bytes"):
        s3_store.put(KEY, BytesIO(b"nine byte"))

    assert list(s3_store.list("")) == []


def test_file_that_another_writer_replaced_meanwhile_is_no_failure(
    s3_settings: Settings, s3_store: Store, s3_server: S3Server
) -> None:
    """Whoever comes last wins, and what they wrote has another length."""
    other = open_store(s3_settings)
    late = iter([None])

    def replace(asked: Asked) -> bool:
        if asked.method == "HEAD" and next(late, 1) is None:
            other.put(KEY, BytesIO(b"by another writer"))
        return False

    s3_server.refuses = replace
    s3_store.put(KEY, BytesIO(b"ours"))

    assert s3_store.read(KEY) == b"by another writer"


def test_our_endpoint_goes_before_the_library_s(
    s3_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables for another program's bucket do not lead ours astray."""
    for name in ("AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    store = open_store(s3_settings)

    store.put(KEY, BytesIO(b"x"))

    assert store.read(KEY) == b"x"


@pytest.mark.parametrize("allowed", [True, False])
def test_library_s_endpoint_serves_where_there_is_none_of_ours(
    s3_settings: Settings, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, allowed: bool
) -> None:
    """The usual variables are enough; plain HTTP has to be allowed by the usual one, too."""
    monkeypatch.setitem(s3._RETRIES, "max_retries", 0)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server.url)
    monkeypatch.setenv("AWS_ALLOW_HTTP", str(allowed).lower())
    store = open_store(s3_settings.model_copy(update={"s3_endpoint_url": None}))

    if allowed:
        store.put(KEY, BytesIO(b"x"))
    else:
        with pytest.raises(StoreError, match="builder error"):
            store.put(KEY, BytesIO(b"x"))


def test_keys_lie_below_the_prefix(s3_store: Store, s3_server: S3Server) -> None:
    """Several installations may share a bucket."""
    s3_store.put(KEY, BytesIO(b"x"))

    assert s3_server.num_asked("PUT", f"/some/where/{KEY}") == 1


def test_what_a_killed_check_left_is_discarded(
    s3_store: Store, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old objects under the temporary prefix go, and nothing else."""
    s3_store.put("incoming/tmp_1", BytesIO(b"x"))
    s3_store.put(KEY, BytesIO(b"x"))
    s3_store.discard_abandoned()
    while_young = {found.key for found in s3_store.list("")}
    monkeypatch.setattr(s3, "ABANDONED_SECONDS", -5)
    s3_store.discard_abandoned()

    assert while_young == {"incoming/tmp_1", KEY}
    assert {found.key for found in s3_store.list("")} == {KEY}


def test_second_fetch_asks_the_server_nothing(s3_store: Store, s3_server: S3Server) -> None:
    """The copy on this machine is used."""
    sha256 = s3_store.put(KEY, BytesIO(b"content")).sha256

    assert _fetch(s3_store, sha256) == _fetch(s3_store, sha256) == b"content"
    assert s3_server.num_asked("GET", KEY) == 1


def test_two_fetches_at_once_download_once(
    s3_settings: Settings, s3_store: Store, s3_server: S3Server
) -> None:
    """Threads, also with a store of their own as another process has it, wait for the first."""
    sha256 = s3_store.put(KEY, BytesIO(b"content")).sha256
    s3_server.refuses = lambda asked: asked.method == "GET" and bool(time.sleep(0.2))
    stores = [s3_store, s3_store, open_store(s3_settings), open_store(s3_settings)]

    with ThreadPoolExecutor(4) as threads:
        contents = list(threads.map(lambda store: _fetch(store, sha256), stores))

    assert contents == [b"content"] * 4
    assert s3_server.num_asked("GET", KEY) == 1


def test_damaged_object_is_refused_until_it_is_mended(s3_store: Store, tmp_path: Path) -> None:
    """Nothing of it stays on this machine, so the mended one is found."""
    sha256 = s3_store.put(KEY, BytesIO(b"content")).sha256
    s3_store.put(KEY, BytesIO(b"Content"))
    with pytest.raises(DamagedFileError, match=f"{KEY} is damaged"):
        _fetch(s3_store, sha256)
    left = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    s3_store.put(KEY, BytesIO(b"content"))

    assert [path for path in left if path.suffix != ".lock"] == []
    assert _fetch(s3_store, sha256) == b"content"


def test_download_that_breaks_off_leaves_nothing(
    s3_settings: Settings, s3_server: S3Server, tmp_path: Path, impatient: None
) -> None:
    """The next fetch starts anew."""
    store = open_store(s3_settings)
    sha256 = store.put(KEY, BytesIO(b"content")).sha256
    s3_server.refuses = lambda asked: asked.method == "GET"
    with pytest.raises(StoreError):
        _fetch(store, sha256)
    s3_server.healed()

    assert list((tmp_path / "cache" / "incoming").iterdir()) == []
    assert _fetch(store, sha256) == b"content"
