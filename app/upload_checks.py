"""What of an upload is refused at once: too large, of no use as a document, without room for it."""

from collections.abc import Mapping
from io import SEEK_END
from typing import BinaryIO

import structlog

from app import errors
from app.ingest.errors import (
    DamagedDocumentError,
    EmptyDocumentError,
    IngestError,
    LimitExceededError,
    ProtectedDocumentError,
    UndecodableDocumentError,
    UnsupportedDocumentError,
)
from app.ingest.screening import screen
from app.storage import Store, StoredFile, StoreError

_log = structlog.get_logger()
_REFUSALS: Mapping[type[IngestError], type[errors.ApiError]] = {
    DamagedDocumentError: errors.DocumentDamagedError,
    EmptyDocumentError: errors.DocumentEmptyError,
    LimitExceededError: errors.DocumentOverLimitError,
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
            f"the document is larger than this server's limit of {max_bytes} bytes; split it, or "
            "have LIFT_MAX_DOCUMENT_BYTES raised",
            limit_bytes=max_bytes,
        )
    content.seek(0)
    try:
        opening = screen(content)
    except IngestError as error:
        raise refusal_of(error) from error
    content.seek(0)
    return opening


def refusal_of(error: IngestError) -> errors.ApiError:
    """Return what a caller is told of a document that is refused."""
    return _REFUSALS[type(error)](str(error))


def save_content(store: Store, key: str, content: BinaryIO) -> StoredFile:
    """Put a document's bytes into the store.

    Raises:
        StoreUnavailableError: there is no room for them.
        StoreError: the store cannot be reached.
    """
    try:
        return store.put(key, content)
    except StoreError:
        raise
    except OSError as error:
        _log.error("document_not_saved", key=key, error=str(error))
        raise errors.StoreUnavailableError(
            f"the document cannot be saved: {error.strerror}; make room, or try again later"
        ) from error
