"""A ZIP archive of documents, in the order of their names: as one document, or one by one."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.ingest.archive import Archive, Budget
from app.ingest.builder import TextBuilder, shown_name
from app.ingest.errors import (
    EmptyDocumentError,
    IngestError,
    LimitExceededError,
    UnsupportedDocumentError,
)
from app.ingest.kinds import TAKEN, Kind
from app.ingest.limits import Limits
from app.ingest.packed_kinds import kind_of_archive
from app.ingest.signatures import is_zip

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
            with _naming(shown), builder.file(shown):
                _write_file(builder, archive.read(name), name, write)
        except (UnsupportedDocumentError, EmptyDocumentError):
            builder.leave_out(name)
    if builder.length == length:
        raise _no_document()


def members(data: bytes, limits: Limits) -> Iterator[tuple[str, bytes]]:
    """Give the name and the content of each file, read or not.

    Raises:
        IngestError: it is no archive of documents, or unpacking it takes too much.
    """
    if not is_zip(data):
        raise UnsupportedDocumentError("this is no ZIP archive; upload it as one document")
    with Budget(limits).open(data) as archive:
        names = _names(archive, limits)
        for name in sorted(names, key=_natural_order):
            with _naming(shown_name(name)):
                content = archive.read(name)
            yield name, content


def _names(archive: Archive, limits: Limits) -> list[str]:
    kind = kind_of_archive(archive)
    if kind is not Kind.ZIP:
        raise UnsupportedDocumentError(
            f"this is one {kind.upper()} file, no archive of documents; upload it as one document"
        )
    names = list(_documents(archive))
    if not names:
        raise _no_document()
    if len(names) > limits.documents:
        raise LimitExceededError(
            f"the archive holds {len(names):,} documents, and may become {limits.documents:,} at "
            "once; upload it in parts"
        )
    return names


def _no_document() -> UnsupportedDocumentError:
    return UnsupportedDocumentError(f"the archive holds no document that is read; {TAKEN}")


@contextmanager
def _naming(shown: str) -> Iterator[None]:
    """Say in a refusal which file it is about."""
    try:
        yield
    except IngestError as error:
        raise type(error)(f"in the archive's file {shown!r}: {error}") from error


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
