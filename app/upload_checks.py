"""What of an upload is refused at once: too large, or plainly of no use as a document."""

from collections.abc import Mapping
from io import SEEK_END
from typing import BinaryIO

from app import errors
from app.ingest.errors import (
    DamagedDocumentError,
    EmptyDocumentError,
    IngestError,
    ProtectedDocumentError,
    UndecodableDocumentError,
    UnsupportedDocumentError,
)
from app.ingest.screening import screen

_REFUSALS: Mapping[type[IngestError], type[errors.ApiError]] = {
    DamagedDocumentError: errors.DocumentDamagedError,
    EmptyDocumentError: errors.DocumentEmptyError,
    ProtectedDocumentError: errors.DocumentProtectedError,
    UndecodableDocumentError: errors.DocumentUndecodableError,
    UnsupportedDocumentError: errors.DocumentUnsupportedError,
}


def check_content(content: BinaryIO, max_bytes: int) -> str:
    """Look a document over; returns how its text begins, nothing where a format packs it.

    Raises:
        ApiError: it is too large, empty, broken off, locked, or of no kind that is read.
    """
    if content.seek(0, SEEK_END) > max_bytes:
        raise errors.DocumentTooLargeError(
            f"the document is larger than this server's limit of {max_bytes} bytes",
            limit_bytes=max_bytes,
        )
    content.seek(0)
    try:
        opening = screen(content)
    except IngestError as error:
        raise _REFUSALS[type(error)](str(error)) from error
    content.seek(0)
    return opening
