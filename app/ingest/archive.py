"""A ZIP file whose files are unpacked within limits.

What a header says of sizes is not believed: bytes are counted as they come, over all archives of a
document together. Nothing is ever unpacked to a disk, so names cannot lead anywhere.
"""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

from app.ingest.errors import DamagedDocumentError, LimitExceededError, ProtectedDocumentError
from app.ingest.limits import MIB, Limits

_CHUNK_BYTES = 256 * 1024
_ENCRYPTED = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError)


class Budget:
    """What may still be unpacked for a document."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._unpacked_bytes = 0
        self._entries = 0
        self._open = 0

    @contextmanager
    def open(self, data: bytes) -> Iterator["Archive"]:
        """Open an archive.

        Raises:
            LimitExceededError, DamagedDocumentError
        """
        most = self.limits.archive_nesting
        if self._open == most:
            raise LimitExceededError(
                f"archives lie within archives more than {most} deep, which is the limit; "
                "unpack them first"
            )
        with _damage_told():
            opened = zipfile.ZipFile(BytesIO(data))
        self._open += 1
        try:
            with opened:
                self._count_entries(len(opened.infolist()))
                yield Archive(opened, len(data), self)
        finally:
            self._open -= 1

    def spend(self, num_bytes: int) -> None:
        """Count bytes that were unpacked."""
        self._unpacked_bytes += num_bytes
        most = self.limits.unpacked_bytes
        if self._unpacked_bytes > most:
            raise LimitExceededError(
                f"the document unpacks to more than the {most // MIB} MiB allowed"
            )

    def _count_entries(self, number: int) -> None:
        self._entries += number
        most = self.limits.entries
        if self._entries > most:
            raise LimitExceededError(
                f"the archive holds more than the {most:,} files allowed; upload it in parts"
            )


class Archive:
    """One archive that is open."""

    def __init__(self, opened: zipfile.ZipFile, size_bytes: int, budget: Budget) -> None:
        self._zip = opened
        self._size_bytes = size_bytes
        self._budget = budget
        self._unpacked_bytes = 0

    def names(self) -> list[str]:
        """Return the names of all files, no folders, in the archive's order, each once."""
        files = (entry.filename for entry in self._zip.infolist() if not entry.is_dir())
        return list(dict.fromkeys(files))

    def __contains__(self, name: str) -> bool:
        return name in self._zip.NameToInfo

    def read(self, name: str) -> bytes:
        """Unpack a file.

        Raises:
            LimitExceededError, ProtectedDocumentError, DamagedDocumentError
        """
        return b"".join(self._chunks(name))

    def _chunks(self, name: str) -> Iterator[bytes]:
        entry = self._zip.NameToInfo.get(name)
        if entry is None:
            raise DamagedDocumentError("the archive lacks a file that its own list names")
        if entry.flag_bits & _ENCRYPTED:
            raise ProtectedDocumentError(
                "the archive is locked with a password; upload it without one"
            )
        if entry.compress_type not in _METHODS:
            raise DamagedDocumentError(
                "the archive is packed in a way that is not read here; pack it anew as a plain ZIP"
            )
        with _damage_told(), self._zip.open(entry) as file:
            while chunk := file.read(_CHUNK_BYTES):
                self._count(len(chunk))
                yield chunk

    def _count(self, num_bytes: int) -> None:
        self._budget.spend(num_bytes)
        self._unpacked_bytes += num_bytes
        limits = self._budget.limits
        most = max(limits.ratio_free_bytes, self._size_bytes * limits.unpacked_ratio)
        if self._unpacked_bytes > most:
            raise LimitExceededError(
                f"the archive unpacks to more than {limits.unpacked_ratio} times its size, "
                "which is the limit"
            )


@contextmanager
def _damage_told() -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        raise DamagedDocumentError(
            "the archive (perhaps a DOCX, ODT or EPUB file) is damaged; save or pack it anew"
        ) from error
