"""What a store can do, and what it refuses.

Whatever is wrong is an `OSError`: a file that is not there is a `FileNotFoundError`, a bucket that
cannot be reached a `StoreError`. No message names a password or a key of an account.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol


class StoreError(OSError):
    """The store cannot be reached, or refuses."""


class DamagedFileError(OSError):
    """A stored file's content is not what was saved."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What was written."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A file in the store."""

    key: str
    size_bytes: int
    modified: datetime


class Store(Protocol):
    """Files under keys. Safe to share between threads; many processes may use the same files."""

    def put(self, key: str, source: BinaryIO) -> StoredFile:
        """Write all that `source` gives under `key`, whole or not at all."""
        ...

    def incoming(self) -> AbstractContextManager[Path]:
        """Lend a name for a local file in the making; what is left of it is gone at the end."""
        ...

    def publish(self, path: Path, key: str) -> None:
        """Make a complete file from `incoming` appear under `key`, atomically and durably.

        `path` is the store's from then on.
        """
        ...

    def read(self, key: str) -> bytes:
        """Return a file's content; `FileNotFoundError` if there is none."""
        ...

    def chunks(self, key: str) -> Iterator[bytes]:
        """Give a file's content piece by piece; `FileNotFoundError` if there is none."""
        ...

    def fetch(self, key: str, sha256: str) -> AbstractContextManager[Path]:
        """Lend a local file with the content of `key`, to be read only.

        A folder lends the file itself, unread: whoever loads it compares the hash.

        Raises:
            FileNotFoundError: there is none.
            DamagedFileError: what was brought here has not this hash; nothing of it is kept.
        """
        ...

    def list(self, prefix: str) -> Iterator[StoredKey]:
        """Give all files whose key begins with `prefix` and a slash, in no certain order."""
        ...

    def move(self, key: str, new_key: str) -> None:
        """Put a file under another key; `FileNotFoundError` if there is none."""
        ...

    def delete(self, key: str) -> None:
        """Remove a file; having none is fine."""
        ...

    def delete_document(self, document_id: str) -> None:
        """Remove all files of a document; having none is fine."""
        ...

    def discard_abandoned(self) -> None:
        """Remove what a killed process left of files in the making a day ago or earlier."""
        ...

    def check_writable(self) -> None:
        """Raise `OSError` if no file can be written now."""
        ...
