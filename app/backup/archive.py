"""A backup's file: a plain tar archive, written and read as a stream, however large it is."""

import hashlib
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, Self

from app.backup.errors import BackupError
from app.backup.form import Entry

_CHUNK_BYTES = 1024 * 1024


class ArchiveWriter:
    """Adds members, and knows the hash of each."""

    def __init__(self, file: BinaryIO, moment: float) -> None:
        self._tar: Any = tarfile.TarFile(
            fileobj=file, mode="w", format=tarfile.PAX_FORMAT, copybufsize=_CHUNK_BYTES
        )
        self._moment = moment

    def add(self, name: str, size_bytes: int, chunks: Iterable[bytes]) -> Entry:
        """Add a member from what the chunks give, which has to be `size_bytes`.

        Raises:
            FileNotFoundError: the chunks' file is gone; the archive is as it was.
            BackupError: the chunks give more or less than they should.
        """
        source = _Hashing(chunks)  # opens the file, before anything is written
        info = tarfile.TarInfo(name)
        info.size, info.mtime, info.mode = size_bytes, self._moment, 0o600
        try:
            self._tar.addfile(info, source)
        except OSError as error:
            if source.is_over and source.num_bytes < size_bytes:  # the library missed the rest
                raise BackupError(f"{name} is shorter than it was; run `lift doctor`") from error
            raise
        self._tar.members.clear()  # the library keeps them all, and there may be millions
        if source.read(1):
            raise BackupError(f"{name} is longer than it was; run `lift doctor`")
        return Entry(name, size_bytes, source.digest.hexdigest())

    def add_bytes(self, name: str, content: bytes) -> Entry:
        """Add a small member."""
        return self.add(name, len(content), [content])

    def add_file(self, name: str, path: Path) -> Entry:
        """Add a member from a local file."""
        with path.open("rb") as file:
            return self.add(name, path.stat().st_size, iter(lambda: file.read(_CHUNK_BYTES), b""))

    def close(self) -> None:
        """Write the archive's end."""
        self._tar.close()


class ArchiveReader:
    """Gives the members in their order, once."""

    def __init__(self, path: Path) -> None:
        try:
            self._tar: Any = tarfile.TarFile(path)  # no compressed one: it could be a bomb
        except (tarfile.TarError, ValueError) as error:
            raise BackupError("it is no backup: `lift backup` makes them") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._tar.close()

    def members(self) -> Iterator[tuple[str, IO[bytes]]]:
        """Give the name and the content of each member, to be read before the next.

        Raises:
            BackupError: one is no plain file, or says that it ends before it begins.
            tarfile.TarError: the archive is damaged.
        """
        while (member := self._next()) is not None:
            self._tar.members.clear()
            if member.size < 0:  # the next one would be this one again, for ever
                raise BackupError(f"it is damaged: {member.name!r} has a size below 0")
            is_plain = member.type == tarfile.REGTYPE and not member.issparse()
            content = self._tar.extractfile(member) if is_plain else None
            if content is None:
                raise BackupError(f"it holds {member.name!r}, which is no part of a backup")
            yield member.name, content

    def _next(self) -> Any:
        try:
            return self._tar.next()
        except (ValueError, OverflowError, RecursionError) as error:  # of headers that nobody wrote
            raise BackupError("it is damaged: a member's header is none") from error


@contextmanager
def damage_told() -> Iterator[None]:
    """Say in one sentence what the library says of an archive that it cannot read."""
    try:
        yield
    except (tarfile.TarError, EOFError) as error:
        raise BackupError("it is damaged, or was cut off") from error


def pieces(content: IO[bytes]) -> Iterator[bytes]:
    """Give a member's content piece by piece."""
    return iter(lambda: content.read(_CHUNK_BYTES), b"")


class _Hashing:
    """Chunks as a file, hashed as they are read. The first chunk is asked for at once."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = memoryview(next(self._chunks, b""))
        self.digest, self.num_bytes, self.is_over = hashlib.sha256(), 0, False

    def read(self, size: int) -> bytes:
        """Return exactly `size` bytes; fewer only at the end."""
        taken = bytearray()
        while len(taken) < size and (self._rest or self._refill()):
            missing = size - len(taken)
            taken += self._rest[:missing]
            self._rest = self._rest[missing:]
        self.digest.update(taken)
        self.num_bytes += len(taken)
        return bytes(taken)

    def _refill(self) -> bool:
        self._rest = memoryview(next(self._chunks, b""))
        self.is_over = not self._rest
        return not self.is_over
