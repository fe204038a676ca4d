"""The first stage of an attempt: a document's bytes to its text and outline, once for all attempts.

A text never changes once it is there: offsets of pairs and passages point into it.
"""

from app import attempts
from app.db import Database
from app.ingest.outline import Parsed
from app.leases import Lease
from app.models import Document
from app.parsing import parse
from app.storage import Store, text_key
from workers.patience import write_patiently
from workers.reporter import Reporter

_MOST_NAMES = 20


def parse_document(
    database: Database,
    store: Store,
    lease: Lease,
    document: Document,
    reporter: Reporter,
    *,
    with_recognition: bool = False,
) -> str:
    """Return the document's text, in the store with its outline from now on.

    Raises:
        IngestError: the document cannot be read.
    """
    reporter.stage_started("parse", 1, "document")
    text = earlier_text(store, document)
    if text is None:
        parsed = parse(store, document, with_recognition=with_recognition)
        _tell_left_out(parsed, reporter)
        text = parsed.text
        write_patiently(database, lambda session: attempts.record_parsed(session, lease, len(text)))
    reporter.progressed(1)
    return text


def earlier_text(store: Store, document: Document) -> str | None:
    """Return the text that a document was parsed to; None if it is not there, or not whole."""
    if document.num_characters is None:
        return None
    try:
        text = store.read(text_key(document.id)).decode()
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    return text if len(text) == document.num_characters else None


def _tell_left_out(parsed: Parsed, reporter: Reporter) -> None:
    if parsed.left_out:
        names = ", ".join(parsed.left_out[:_MOST_NAMES])
        more = len(parsed.left_out) - _MOST_NAMES
        reporter.told(f"Left out, not text: {names}" + (f" and {more} more." if more > 0 else "."))
