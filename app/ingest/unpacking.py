"""A ZIP archive as many documents: its files, unpacked by a capped process, one after the other.

They lie in one file without a name, which is gone whatever happens. Their names are for show, and
lead nowhere.
"""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import SEEK_CUR, SEEK_END, SEEK_SET, BufferedReader, RawIOBase
from tempfile import TemporaryFile
from typing import IO, Any, BinaryIO

import structlog

from app.ingest.builder import shown_name
from app.ingest.capped import CappedProcess, crashed, raise_refusal
from app.ingest.limits import LIMITS, Limits

_LONGEST_PATH = 1000
_LONGEST_LINE_BYTES = 1024 * 1024
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an archive."""

    name: str
    """Its path in the archive, with `/`, as it can be shown."""
    content: BinaryIO


@contextmanager
def unpacked(file: BinaryIO, limits: Limits = LIMITS) -> Iterator[list[Member]]:
    """Lend the files of an archive, in the order of their names; none is empty of members.

    Raises:
        IngestError: it is no archive of documents, or unpacking it broke a limit or the process.
        OSError: there is no room for them, or no process started.
    """
    with TemporaryFile() as whole:
        yield list(_unpack(file, whole, limits))


def _unpack(file: BinaryIO, whole: IO[bytes], limits: Limits) -> Iterator[Member]:
    file.flush()
    os.lseek(file.fileno(), 0, SEEK_SET)  # the process reads where the descriptor stands
    with CappedProcess(file, "unpack", "", limits) as process:
        output = _Output(process)
        try:
            while (said := output.line()) is not None:
                if "name" not in said:
                    _log.info("archive_unpacked", network=str(said["network"])[:20])
                    raise_refusal(said, limits)
                    return
                yield _take(output, said, whole, limits)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise crashed("unreadable answer") from error
    raise process.refusal()


def _take(output: "_Output", said: Any, whole: IO[bytes], limits: Limits) -> Member:
    start, size_bytes = whole.tell(), int(said["size_bytes"])
    if not 0 <= size_bytes <= limits.unpacked_bytes - start:
        raise ValueError("it unpacks more than it may")
    output.copy(size_bytes, whole)
    whole.flush()
    part = _Part(whole.fileno(), start, size_bytes)
    return Member(_shown_path(str(said["name"])), BufferedReader(part))


def _shown_path(name: str) -> str:
    parts = (shown_name(part) for part in re.split(r"[/\\]", name) if part.strip("."))
    return "/".join(parts)[-_LONGEST_PATH:] or "unnamed"


class _Output:
    """What the process says: lines of JSON, and bytes between them."""

    def __init__(self, process: CappedProcess) -> None:
        self._process = process
        self._ahead = b""

    def line(self) -> Any:
        """Return the next line; None at the end."""
        while b"\n" not in self._ahead:
            piece = self._process.read()
            if not piece:
                return None
            self._ahead += piece
            if len(self._ahead) > _LONGEST_LINE_BYTES + len(piece):
                raise ValueError("an endless line")
        line, _, self._ahead = self._ahead.partition(b"\n")
        return json.loads(line)

    def copy(self, num_bytes: int, target: IO[bytes]) -> None:
        """Write the next bytes to a file."""
        while num_bytes:
            piece = self._ahead[:num_bytes] or self._process.read(num_bytes)
            if not piece:
                raise ValueError("it ends within a file")
            self._ahead = self._ahead[len(piece) :]
            target.write(piece)
            num_bytes -= len(piece)


class _Part(RawIOBase):
    """Some bytes of a file, as a file; reading it moves no other part's place."""

    def __init__(self, descriptor: int, start: int, size_bytes: int) -> None:
        self._descriptor, self._start, self._size_bytes = descriptor, start, size_bytes
        self._place = 0

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It can be read again."""
        return True

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        """Move to another place."""
        base = {SEEK_SET: 0, SEEK_CUR: self._place, SEEK_END: self._size_bytes}[whence]
        self._place = max(0, base + offset)
        return self._place

    def readinto(self, buffer: Any) -> int:
        """Read as much as there is room for."""
        room = memoryview(buffer)[: max(0, self._size_bytes - self._place)]
        num_bytes = os.preadv(self._descriptor, [room], self._start + self._place)
        self._place += num_bytes
        return num_bytes
