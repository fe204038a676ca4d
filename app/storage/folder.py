"""A store in a folder on this machine, or in one that all machines mount.

A file is written under a temporary name, synced, renamed, and its folder synced.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from app.lift.files import sync
from app.storage.incoming import Incoming, write_all
from app.storage.keys import INCOMING, document_prefix
from app.storage.store import StoredFile, StoredKey

_CHUNK_BYTES = 1024 * 1024


class FolderStore:
    """A `Store` whose keys are paths below one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = Incoming(root / INCOMING)

    def put(self, key: str, source: BinaryIO) -> StoredFile:
        """Write all that `source` gives under `key`, whole or not at all."""
        with self.incoming() as path:
            stored = write_all(source, path)
            self.publish(path, key)
        return stored

    def incoming(self) -> AbstractContextManager[Path]:
        """Lend a name for a file in the making; what is not published is gone at the end."""
        return self._incoming.lend()

    def publish(self, path: Path, key: str) -> None:
        """Make a complete file from `incoming` appear under `key`, atomically and durably."""
        self._rename(path, self.path(key))

    def path(self, key: str) -> Path:
        """Return where the file of `key` lies, whether it exists or not."""
        return self._root / key

    def read(self, key: str) -> bytes:
        """Return a file's content; `FileNotFoundError` if there is none."""
        return self.path(key).read_bytes()

    def chunks(self, key: str) -> Iterator[bytes]:
        """Give a file's content piece by piece; `FileNotFoundError` if there is none."""
        with self.path(key).open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk

    @contextmanager
    def fetch(self, key: str, sha256: str) -> Iterator[Path]:  # noqa: ARG002
        """Lend the file itself, unread; `FileNotFoundError` if there is none."""
        path = self.path(key)
        path.stat()
        yield path

    def list(self, prefix: str) -> Iterator[StoredKey]:
        """Give all files below a folder; those that vanish meanwhile are left out."""
        for folder, _, names in os.walk(self.path(prefix), onerror=_raise_unless_missing):
            for name in names:
                path = Path(folder, name)
                try:
                    found = path.stat()
                except FileNotFoundError:
                    continue
                modified = datetime.fromtimestamp(found.st_mtime, UTC)
                yield StoredKey(path.relative_to(self._root).as_posix(), found.st_size, modified)

    def move(self, key: str, new_key: str) -> None:
        """Put a file under another key; `FileNotFoundError` if there is none."""
        path = self.path(key)
        path.stat()
        self._rename(path, self.path(new_key))
        sync(path.parent)

    def delete(self, key: str) -> None:
        """Remove a file; having none is fine."""
        path = self.path(key)
        try:
            path.unlink()
        except FileNotFoundError:
            return
        sync(path.parent)

    def delete_document(self, document_id: str) -> None:
        """Remove all files of a document; having none is fine."""
        folder = self.path(document_prefix(document_id))
        if folder.exists():
            shutil.rmtree(folder)
            sync(folder.parent)

    def discard_abandoned(self) -> None:
        """Remove what a killed process left in `incoming` a day ago or earlier."""
        self._incoming.discard_abandoned()

    def check_writable(self) -> None:
        """Raise `OSError` if no file can be written now."""
        with self.incoming() as path:
            path.write_bytes(b"")

    def _rename(self, path: Path, target: Path) -> None:
        _make_folders(target.parent, self._root)
        sync(path)
        path.replace(target)
        sync(target.parent)


def _raise_unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _make_folders(folder: Path, root: Path) -> None:
    missing = [folder] if not folder.exists() else []
    while missing and missing[-1] != root and not missing[-1].parent.exists():
        missing.append(missing[-1].parent)
    for new in reversed(missing):
        new.mkdir(exist_ok=True)
        sync(new.parent)
