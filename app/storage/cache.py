"""Verified copies of stored files on this machine's disk, bounded in bytes.

Copies are named by their hash. Any number of threads and processes may share the folder: one of
them brings a file here while the others wait for it, and a copy that is being read holds a shared
lock on itself, so that nobody throws it out.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock

from app.storage.incoming import Incoming
from app.storage.store import DamagedFileError


class FileCache:
    """A folder of copies; those that were lent longest ago go first when it is full."""

    def __init__(self, folder: Path, incoming: Incoming, max_bytes: int) -> None:
        self._copies, self._locks = folder / "files", folder / "locks"
        self._incoming, self._max_bytes = incoming, max_bytes

    @contextmanager
    def lend(self, key: str, sha256: str, download: Callable[[Path], None]) -> Iterator[Path]:
        """Lend a copy of `key`, whose content has this hash; `download` writes one if need be.

        Raises:
            DamagedFileError: what was downloaded has another hash; nothing of it is kept.
        """
        path = self._copies / sha256
        with self._turn(sha256):
            file = _open_whole(path, sha256)
            if file is None:
                file = self._bring(path, sha256, download)
                if file is None:
                    raise DamagedFileError(f"the stored {key} is damaged: its hash has changed")
                self._make_room()
        with file:
            os.utime(path)
            yield path

    def _turn(self, sha256: str) -> FileLock:
        # One of 256 lock files, which stay: a lock file that is deleted locks nothing.
        self._locks.mkdir(parents=True, exist_ok=True)
        return FileLock(self._locks / f"{sha256[:2]}.lock")

    def _bring(self, path: Path, sha256: str, download: Callable[[Path], None]) -> BinaryIO | None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._incoming.lend() as unfinished:
            download(unfinished)
            file = _open_whole(unfinished, sha256)
            if file is not None:
                unfinished.replace(path)  # already locked: nobody removes it before it is lent
        return file

    def _make_room(self) -> None:
        copies = sorted(self._copies.iterdir(), key=_last_used)
        num_bytes = sum(_size(path) for path in copies)
        for path in copies:
            if num_bytes <= self._max_bytes:
                return
            num_bytes -= _remove_unread(path)


def _open_whole(path: Path, sha256: str) -> BinaryIO | None:
    """Open a copy and lock it against removal; None if it is not there, or no longer whole."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    fcntl.flock(file, fcntl.LOCK_SH)
    was_removed = os.fstat(file.fileno()).st_nlink == 0
    if was_removed or hashlib.file_digest(file, "sha256").hexdigest() != sha256:
        file.close()
        return None
    return file


def _remove_unread(path: Path) -> int:
    """Delete a copy that nobody reads; returns the bytes that became free."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            size_bytes = os.fstat(file.fileno()).st_size
            path.unlink()
            return size_bytes
    except (FileNotFoundError, BlockingIOError):
        return 0


def _last_used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
