"""The store: atomic, durable, and nothing left behind."""

import hashlib
import os
import time
from io import BytesIO
from pathlib import Path

import pytest

from app.storage import Store, UnsupportedStoreError, adapter_key, source_key, text_key

KEY = source_key("doc_1")


def test_put_returns_the_hash_and_size_of_what_it_wrote(store: Store) -> None:
    """The file under the key is what the hash speaks of."""
    content = os.urandom(3_000_000)

    stored = store.put(KEY, BytesIO(content))

    assert store.read(KEY) == content
    assert stored.sha256 == hashlib.sha256(content).hexdigest()
    assert stored.size_bytes == 3_000_000


def test_half_written_upload_leaves_nothing_behind(store: Store, tmp_path: Path) -> None:
    """A source that breaks off leaves neither the file nor a temporary one."""
    with pytest.raises(ConnectionResetError):
        store.put(KEY, _Breaking())

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_file_appears_only_when_it_is_complete(store: Store) -> None:
    """While it is written, there is no file under the key."""
    with store.incoming() as path:
        path.write_bytes(b"half")
        seen_before = store.path(KEY).exists()
        store.publish(path, KEY)

    assert not seen_before
    assert store.read(KEY) == b"half"


def test_file_and_folders_are_synced_before_it_counts(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is synced under its temporary name, its folder once it has its own."""
    synced: list[str] = []
    monkeypatch.setattr(
        os, "fsync", lambda number: synced.append(os.readlink(f"/proc/self/fd/{number}"))
    )

    store.put(KEY, BytesIO(b"x"))

    assert "incoming" in synced[-2]
    assert synced[-1] == str(store.path(KEY).parent)


def test_put_replaces_what_was_there(store: Store) -> None:
    """Writing a key again gives the new content."""
    store.put(KEY, BytesIO(b"old"))

    store.put(KEY, BytesIO(b"new"))

    assert store.read(KEY) == b"new"


def test_deleting_a_document_removes_all_its_files_and_no_others(store: Store) -> None:
    """Source, text and adapters of one document go; another document stays."""
    for key in (KEY, text_key("doc_1"), adapter_key("doc_1", "a"), source_key("doc_2")):
        store.put(key, BytesIO(b"x"))

    store.delete_document("doc_1")

    assert not store.path("documents/doc_1").exists()
    assert store.read(source_key("doc_2")) == b"x"


def test_deleting_a_document_without_files_is_fine(store: Store) -> None:
    """Deleting twice is no error."""
    store.delete_document("doc_1")


def test_abandoned_file_is_discarded_after_a_day(store: Store) -> None:
    """What a killed process left goes; what may still be in the making stays."""
    with store.incoming() as old, store.incoming() as new:
        old.touch()
        new.touch()
        two_days_ago = time.time() - 2 * 86_400
        os.utime(old, (two_days_ago, two_days_ago))

        store.discard_abandoned()

        assert not old.exists()
        assert new.exists()


def test_file_url_names_the_folder(tmp_path: Path) -> None:
    """A path with spaces is written with %20."""
    store = Store.from_url(f"file://{tmp_path}/a%20b")

    assert store.path("x") == tmp_path / "a b" / "x"


@pytest.mark.parametrize(
    "url", ["s3://bucket/prefix", "https://host/x", "/var/lib/lift", "file://host/x", "file:"]
)
def test_other_store_urls_are_refused(url: str) -> None:
    """The error says what is supported."""
    with pytest.raises(UnsupportedStoreError, match="only file:// URLs"):
        Store.from_url(url)


class _Breaking(BytesIO):
    """Gives one chunk, and then the connection breaks."""

    def __init__(self) -> None:
        super().__init__()
        self._given = False

    def read(self, size: int | None = -1, /) -> bytes:
        if self._given:
            raise ConnectionResetError
        self._given = True
        return b"x" * 1000
