"""The store in a folder: what reaches the disk, and in which order."""

import os
from io import BytesIO
from pathlib import Path

import pytest

from app.storage import source_key
from app.storage.folder import FolderStore

KEY = source_key("doc_1")


def test_file_and_folders_are_synced_before_it_counts(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is synced under its temporary name, its folder once it has its own."""
    synced: list[str] = []
    monkeypatch.setattr(
        os, "fsync", lambda number: synced.append(os.readlink(f"/proc/self/fd/{number}"))
    )

    store.put(KEY, BytesIO(b"x"))

    assert "incoming" in synced[-2]
    assert synced[-1] == str(store.path(KEY).parent)
    assert str(store.path("documents")) in synced[:-2]


def test_both_folders_are_synced_when_a_file_moves(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power cut the file is at its new place, and not at both."""
    store.put(KEY, BytesIO(b"x"))
    synced: list[str] = []
    monkeypatch.setattr(
        os, "fsync", lambda number: synced.append(os.readlink(f"/proc/self/fd/{number}"))
    )

    store.move(KEY, "quarantine/x")

    assert synced[-2:] == [str(store.path("quarantine")), str(store.path(KEY).parent)]


def test_file_that_vanishes_while_files_are_listed_is_left_out(store: FolderStore) -> None:
    """The server may delete a document at any moment."""
    for key in (KEY, source_key("doc_2")):
        store.put(key, BytesIO(b"x"))
    listed = store.list("documents")

    first = next(listed)
    store.delete_document("doc_1" if "doc_2" in first.key else "doc_2")

    assert list(listed) == []


def test_folder_that_cannot_be_listed_is_told(store: FolderStore, tmp_path: Path) -> None:
    """An unreadable folder must not look like an empty one."""
    (tmp_path / "store").mkdir()
    store.path("documents").write_text("a file")

    with pytest.raises(NotADirectoryError):
        list(store.list("documents"))
