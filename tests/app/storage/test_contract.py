"""What every store promises: whole or absent, durable, and nothing left behind."""

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest

from app.clock import utc_now
from app.storage import Store, adapter_key, checkpoint_key, source_key, text_key
from tests.app.storage.sources import Breaking

KEY = source_key("doc_1")
SEVERAL_PARTS = 17 * 1024 * 1024


def _keys(store: Store) -> set[str]:
    return {found.key for found in store.list("")}


def _local_files(folder: Path) -> list[Path]:
    """Return what lies on this machine's disk without being stored there."""
    incoming = [folder / "store" / "incoming", folder / "cache" / "incoming"]
    return [path for place in incoming for path in place.glob("*")]


@pytest.mark.parametrize("num_bytes", [0, 1, 3_000_000, SEVERAL_PARTS])
def test_put_returns_the_hash_and_size_of_what_it_wrote(any_store: Store, num_bytes: int) -> None:
    """The file under the key is what the hash speaks of, also if it came in several parts."""
    content = os.urandom(num_bytes)

    stored = any_store.put(KEY, BytesIO(content))

    assert any_store.read(KEY) == content
    assert stored.sha256 == hashlib.sha256(content).hexdigest()
    assert stored.size_bytes == num_bytes


def test_source_that_breaks_off_leaves_nothing_behind(any_store: Store, tmp_path: Path) -> None:
    """Neither under the key nor under a temporary name."""
    with pytest.raises(ConnectionResetError):
        any_store.put(KEY, Breaking())

    assert _keys(any_store) == set()
    assert _local_files(tmp_path) == []


def test_source_that_breaks_off_leaves_what_was_there(any_store: Store) -> None:
    """A failed overwrite changes nothing."""
    any_store.put(KEY, BytesIO(b"old"))
    with pytest.raises(ConnectionResetError):
        any_store.put(KEY, Breaking())

    assert any_store.read(KEY) == b"old"


def test_put_replaces_what_was_there(any_store: Store) -> None:
    """Writing a key again gives the new content."""
    any_store.put(KEY, BytesIO(b"old and longer"))

    any_store.put(KEY, BytesIO(b"new"))

    assert any_store.read(KEY) == b"new"


def test_file_appears_when_it_is_published(any_store: Store, tmp_path: Path) -> None:
    """While it is written there is no file under the key; afterwards nothing else is left."""
    with any_store.incoming() as path:
        path.write_bytes(b"whole")
        seen_before = {found.key for found in any_store.list("documents")}
        any_store.publish(path, KEY)

    assert seen_before == set()
    assert _keys(any_store) == {KEY}
    assert any_store.read(KEY) == b"whole"
    assert _local_files(tmp_path) == []


def test_file_that_is_not_published_is_gone(any_store: Store, tmp_path: Path) -> None:
    """What its maker gave up leaves nothing."""
    with any_store.incoming() as path:
        path.write_bytes(b"half")

    assert _keys(any_store) == set()
    assert _local_files(tmp_path) == []


def test_one_of_several_writers_at_once_wins_whole(any_store: Store) -> None:
    """Nobody reads a mixture, whoever was last."""
    contents = [bytes([number]) * 100_000 for number in range(8)]

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda content: any_store.put(KEY, BytesIO(content)), contents))

    assert any_store.read(KEY) in contents


def test_chunks_are_the_whole_file(any_store: Store) -> None:
    """Read piece by piece it is the same file."""
    content = os.urandom(3_000_000)
    any_store.put(KEY, BytesIO(content))

    chunks = list(any_store.chunks(KEY))

    assert b"".join(chunks) == content
    assert len(chunks) > 1


def test_fetched_file_has_the_content(any_store: Store) -> None:
    """What is lent can be opened by its path."""
    stored = any_store.put(KEY, BytesIO(b"content"))

    with any_store.fetch(KEY, stored.sha256) as path:
        assert path.read_bytes() == b"content"


def _fetch(store: Store) -> None:
    with store.fetch(KEY, "0" * 64):
        pass


READERS: dict[str, Callable[[Store], object]] = {
    "read": lambda store: store.read(KEY),
    "chunks": lambda store: list(store.chunks(KEY)),
    "fetch": _fetch,
    "move": lambda store: store.move(KEY, "elsewhere"),
}


@pytest.mark.parametrize("reader", READERS)
def test_file_that_is_not_there_is_told(any_store: Store, reader: str) -> None:
    """Every way to a missing file says so in the same way, and none makes anything."""
    with pytest.raises(FileNotFoundError):
        READERS[reader](any_store)

    assert _keys(any_store) == set()


def test_list_gives_what_lies_below_a_prefix(any_store: Store) -> None:
    """Keys with size and time; what only begins with the same letters is another's."""
    ours = [source_key("doc_1"), text_key("doc_1"), checkpoint_key("doc_1", "job_1", 2, 3)]
    for key in (*ours, source_key("doc_11")):
        any_store.put(key, BytesIO(b"seven b"))

    found = list(any_store.list("documents/doc_1"))

    assert sorted(entry.key for entry in found) == sorted(ours)
    assert {entry.size_bytes for entry in found} == {7}
    assert all(abs(entry.modified - utc_now()) < timedelta(minutes=1) for entry in found)


def test_list_of_nothing_is_empty(any_store: Store) -> None:
    """A prefix that nothing has is no error."""
    assert list(any_store.list("documents/doc_1")) == []


def test_moved_file_is_at_its_new_key_only(any_store: Store) -> None:
    """Content and all, and the old key is free."""
    any_store.put(KEY, BytesIO(b"content"))

    any_store.move(KEY, f"quarantine/now/{KEY}")

    assert _keys(any_store) == {f"quarantine/now/{KEY}"}
    assert any_store.read(f"quarantine/now/{KEY}") == b"content"


def test_deleted_file_is_gone_and_no_other(any_store: Store) -> None:
    """One key, not its neighbours; doing it twice is no error."""
    any_store.put(KEY, BytesIO(b"x"))
    any_store.put(text_key("doc_1"), BytesIO(b"x"))

    any_store.delete(KEY)
    any_store.delete(KEY)

    assert _keys(any_store) == {text_key("doc_1")}


def test_deleting_a_document_removes_all_its_files_and_no_others(any_store: Store) -> None:
    """Source, text, adapters and checkpoints of one document go; another document stays."""
    ours = [
        KEY,
        text_key("doc_1"),
        adapter_key("doc_1", "a"),
        checkpoint_key("doc_1", "job_1", 1, 1),
    ]
    for key in (*ours, source_key("doc_11")):
        any_store.put(key, BytesIO(b"x"))

    any_store.delete_document("doc_1")

    assert _keys(any_store) == {source_key("doc_11")}


def test_deleting_a_document_without_files_is_fine(any_store: Store) -> None:
    """Deleting twice is no error."""
    any_store.delete_document("doc_1")


def test_check_leaves_nothing(any_store: Store, tmp_path: Path) -> None:
    """A health check that runs every few seconds must not fill the store."""
    any_store.check_writable()

    assert _keys(any_store) == set()
    assert _local_files(tmp_path) == []


def test_abandoned_file_is_discarded_after_a_day(any_store: Store) -> None:
    """What a killed process left goes; what may still be in the making stays."""
    with any_store.incoming() as old, any_store.incoming() as new:
        old.touch()
        new.touch()
        two_days_ago = (utc_now() - timedelta(days=2)).timestamp()
        os.utime(old, (two_days_ago, two_days_ago))

        any_store.discard_abandoned()

        assert not old.exists()
        assert new.exists()
