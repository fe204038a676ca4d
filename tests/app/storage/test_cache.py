"""Copies on this machine: whole, few, and never taken from under a reader."""

import fcntl
import hashlib
import os
from contextlib import AbstractContextManager
from io import BufferedReader
from pathlib import Path

import pytest

from app.storage.cache import FileCache
from app.storage.incoming import Incoming

A, B, C = b"a" * 1000, b"b" * 1000, b"c" * 1000


class Shelf:
    """A cache of two and a half files, and how often each file was brought to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.brought: list[bytes] = []
        self.cache = FileCache(folder, Incoming(folder / "incoming"), 2500)

    def lend(self, content: bytes) -> AbstractContextManager[Path]:
        """Borrow a file of this content."""

        def download(path: Path) -> None:
            self.brought.append(content)
            path.write_bytes(content)

        return self.cache.lend("key", hashlib.sha256(content).hexdigest(), download)

    def use(self, content: bytes) -> None:
        """Borrow a file, read it, and give it back."""
        with self.lend(content) as path:
            assert path.read_bytes() == content

    def path(self, content: bytes) -> Path:
        """Return where the copy lies."""
        with self.lend(content) as path:
            return path

    @property
    def kept(self) -> set[bytes]:
        """What lies in the cache."""
        return {path.read_bytes() for path in (self.folder / "files").iterdir()}


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """An empty cache."""
    return Shelf(tmp_path / "cache")


def _age(path: Path, seconds: float) -> None:
    moment = path.stat().st_mtime - seconds
    os.utime(path, (moment, moment))


@pytest.mark.parametrize("damage", [b"a" * 999, b"b" + b"a" * 999, b""])
def test_damaged_copy_is_brought_anew(shelf: Shelf, damage: bytes) -> None:
    """Truncated or with other bytes: what is lent is whole."""
    shelf.path(A).write_bytes(damage)

    shelf.use(A)

    assert shelf.brought == [A, A]


def test_copy_that_was_lent_longest_ago_goes_first(shelf: Shelf) -> None:
    """Being lent counts, not when it came."""
    _age(shelf.path(A), 20)
    _age(shelf.path(B), 10)
    shelf.use(A)

    shelf.use(C)

    assert shelf.kept == {A, C}


def test_copy_that_is_being_read_stays(shelf: Shelf) -> None:
    """The bound gives way, not the reader; afterwards it may go."""
    _age(shelf.path(A), 20)
    with shelf.lend(A) as path:
        _age(path, 20)
        shelf.use(B)
        shelf.use(C)
        while_read = shelf.kept
        _age(path, 20)
    shelf.use(B)

    assert while_read == {A, C}
    assert shelf.kept == {B, C}


def test_file_larger_than_the_bound_is_lent_and_does_not_stay_for_long(shelf: Shelf) -> None:
    """It can be used, and the next file takes its place."""
    large = b"l" * 5000
    shelf.use(large)
    _age(shelf.path(large), 10)

    shelf.use(A)

    assert shelf.kept == {A}


def test_copy_that_another_process_removes_now_is_brought_anew(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between opening and locking, the name may have gone: the content is not relied on."""
    path = shelf.path(A)
    lock = fcntl.flock

    def remove_first(file: int | BufferedReader, how: int) -> None:
        if isinstance(file, BufferedReader):  # not the lock of the one who brings the copy
            monkeypatch.setattr(fcntl, "flock", lock)
            path.unlink()
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", remove_first)
    shelf.use(A)

    assert shelf.brought == [A, A]
    assert shelf.kept == {A}
