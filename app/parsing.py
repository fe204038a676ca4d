"""A document's bytes to its text and outline in the store, in a capped process.

Workers do this as the first stage of an attempt. The API does it for whoever asks before that.
"""

from io import BytesIO
from threading import Lock

import structlog
from sqlalchemy import update

from app import errors
from app.db import Database
from app.ingest.errors import IngestError, ScannedDocumentError
from app.ingest.outline import Parsed
from app.ingest.sandbox import parse_file
from app.models import Document
from app.storage import Store, outline_key, source_key, text_key

_one_at_a_time = Lock()
"""A parser may take much memory, and an API has threads for many questions."""
_log = structlog.get_logger()


def parse(store: Store, document: Document, *, with_recognition: bool = False) -> Parsed:
    """Parse a document, and keep what comes of it; the same bytes give the same text.

    Raises:
        IngestError: the document cannot be read.
        OSError: the store cannot be used.
    """
    with store.fetch(source_key(document.id), document.sha256) as path:
        parsed = parse_file(path, document.filename or "", with_recognition=with_recognition)
    store.put(outline_key(document.id), BytesIO(parsed.to_json()))
    store.put(text_key(document.id), BytesIO(parsed.text.encode()))
    return parsed


def parse_now(
    database: Database, store: Store, document_id: str, *, workers_recognise: bool
) -> None:
    """Parse a document for which no worker had time yet; one that was parsed stays as it is.

    Pictures of text are left to workers, if they can read them: that takes minutes.

    Raises:
        ApiError: it cannot be read, or is gone.
        StoreError: the store cannot be reached.
    """
    with _one_at_a_time:
        document = _unparsed(database, document_id)
        if document is None:
            return
        try:
            num_characters = len(parse(store, document).text)
        except IngestError as error:
            if workers_recognise and isinstance(error, ScannedDocumentError):
                raise errors.DocumentNotReadyError(
                    "the document's pages are pictures, which a worker reads when its turn comes: "
                    "ask again then"
                ) from error
            raise errors.DocumentFailedError(
                f"the document cannot be read: {error}", reason=error.code
            ) from error
        except FileNotFoundError as error:
            raise errors.DocumentNotFoundError(f"there is no document {document_id!r}") from error
    _note(database, store, document_id, num_characters)


def _unparsed(database: Database, document_id: str) -> Document | None:
    with database.reading() as session:
        document = session.get(Document, document_id)
    return document if document and document.num_characters is None else None


def _note(database: Database, store: Store, document_id: str, num_characters: int) -> None:
    own = update(Document).where(Document.id == document_id, Document.num_characters.is_(None))
    with database.writing() as session:
        session.execute(own.values(num_characters=num_characters))
        is_there = session.get(Document, document_id) is not None
    if not is_there:  # it was deleted meanwhile: what was written after that must go, too
        store.delete_document(document_id)
        raise errors.DocumentNotFoundError(f"there is no document {document_id!r}")
    _log.info("document_parsed_early", document_id=document_id, num_characters=num_characters)
