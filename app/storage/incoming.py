"""Local files in the making: named anew each time, gone if they are not made use of."""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from app.clock import new_id
from app.storage.store import StoredFile

ABANDONED_SECONDS = 86_400.0
_CHUNK_BYTES = 1024 * 1024


class Incoming:
    """A folder for files in the making."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def lend(self) -> Iterator[Path]:
        """Lend a name for a file; what still has this name at the end is deleted."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / new_id("tmp")
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def discard_abandoned(self) -> None:
        """Remove what a killed process left a day ago or earlier."""
        oldest = time.time() - ABANDONED_SECONDS
        for path in self._folder.glob("tmp_*"):
            with suppress(FileNotFoundError):  # others tidy, too
                if path.stat().st_mtime < oldest:
                    path.unlink()


def write_all(source: BinaryIO, path: Path) -> StoredFile:
    """Write all that `source` gives to `path`."""
    digest, size_bytes = hashlib.sha256(), 0
    with path.open("wb") as file:
        while chunk := source.read(_CHUNK_BYTES):
            digest.update(chunk)
            size_bytes += len(chunk)
            file.write(chunk)
    return StoredFile(digest.hexdigest(), size_bytes)
