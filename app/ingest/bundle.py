"""A ZIP archive of documents as one document: its files in the order of their names."""

import re
from collections.abc import Callable, Iterator

from app.ingest.archive import Archive
from app.ingest.builder import TextBuilder, shown_name
from app.ingest.errors import EmptyDocumentError, IngestError, UnsupportedDocumentError
from app.ingest.kinds import TAKEN

_NUMBER = re.compile(r"(\d{1,20})")


def write_bundle(
    builder: TextBuilder, archive: Archive, write: Callable[[bytes, str], object]
) -> None:
    """Add each file that `write` can read, under its name as a heading; note which it cannot.

    Raises:
        IngestError: a file is locked, damaged, or takes too much; or none can be read.
    """
    length = builder.length
    for name in sorted(_documents(archive), key=_natural_order):
        shown = shown_name(name)
        try:
            with builder.file(shown):
                _write_file(builder, archive.read(name), name, write)
        except (UnsupportedDocumentError, EmptyDocumentError):
            builder.leave_out(name)
        except IngestError as error:
            raise type(error)(f"in the archive's file {shown!r}: {error}") from error
    if builder.length == length:
        raise UnsupportedDocumentError(f"the archive holds no document that is read; {TAKEN}")


def _write_file(
    builder: TextBuilder, data: bytes, name: str, write: Callable[[bytes, str], object]
) -> None:
    length = builder.length
    write(data, name)
    if builder.length == length:
        raise EmptyDocumentError("it holds no text")


def _documents(archive: Archive) -> Iterator[str]:
    """Give the names of files, without those that systems hide beside them."""
    for name in archive.names():
        parts = name.split("/")
        if "__MACOSX" not in parts and not parts[-1].startswith("."):
            yield name


def _natural_order(name: str) -> list[tuple[int, str]]:
    """Put `part 10` behind `part 9`."""
    pieces = _NUMBER.split(name.casefold())
    return [(int(piece), "") if piece.isdigit() else (-1, piece) for piece in pieces]
