"""Why a document is refused: one tree of errors, each with a stable code.

A message is said to the document's owner: what is wrong, and what to do. It quotes no text of the
document.
"""

from typing import ClassVar


class IngestError(Exception):
    """Base of the errors about an uploaded document's content."""

    code: ClassVar[str] = "document_refused"


class EmptyDocumentError(IngestError):
    """There is nothing but white space in the document."""

    code = "document_empty"


class UnsupportedDocumentError(IngestError):
    """The document is of a kind that cannot be read; the message says what it seems to be."""

    code = "document_unsupported"


class UndecodableDocumentError(IngestError):
    """The document's character encoding could not be told."""

    code = "document_undecodable"


class ProtectedDocumentError(IngestError):
    """The document is locked with a password, or by its seller."""

    code = "document_protected"


class DamagedDocumentError(IngestError):
    """The document breaks the rules of its own format."""

    code = "document_damaged"


class ScannedDocumentError(IngestError):
    """The document's pages are pictures of text."""

    code = "document_scanned"


class LimitExceededError(IngestError):
    """Reading the document takes more than a document may take."""

    code = "document_over_limit"
