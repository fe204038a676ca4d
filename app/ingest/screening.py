"""A first look at an upload, in the server's own process: piece by piece, nothing is unpacked.

It refuses what is plainly of no use. All else waits for the parsing process.
"""

import codecs
from functools import partial
from typing import BinaryIO

from app.ingest.errors import (
    DamagedDocumentError,
    EmptyDocumentError,
    ProtectedDocumentError,
    UndecodableDocumentError,
)
from app.ingest.signatures import is_pdf, is_zip, refuse_unreadable
from app.ingest.text import count_controls, encoding_by_mark, refuse_controls

_CHUNK_BYTES = 1024 * 1024
_OPENING_BYTES = 4096
_ZIP_END = b"PK\x05\x06"
_ZIP_END_BYTES = 66 * 1024
_ENCRYPTED = 0x1


def screen(content: BinaryIO) -> str:
    """Look an upload over; returns how its text begins, or nothing for a format that packs it.

    Raises:
        IngestError: it is empty, of no kind that is read, broken off, or locked.
    """
    head = content.read(_OPENING_BYTES)
    refuse_unreadable(head)
    if is_zip(head):
        _screen_zip(content, head)
        return ""
    if is_pdf(head):
        return ""
    content.seek(0)
    marked = encoding_by_mark(head)
    _screen_text(content, marked)
    return head.decode(marked or "utf-8", errors="ignore").lstrip("\ufeff")


def _screen_zip(content: BinaryIO, head: bytes) -> None:
    size_bytes = content.seek(0, 2)
    content.seek(max(0, size_bytes - _ZIP_END_BYTES))
    if _ZIP_END not in content.read():
        raise DamagedDocumentError(
            "the archive (perhaps a DOCX, ODT or EPUB file) is not whole: its end is missing; "
            "upload it again"
        )
    if len(head) > 6 and head[6] & _ENCRYPTED:
        raise ProtectedDocumentError("the archive is locked with a password; upload it without one")


def _screen_text(content: BinaryIO, marked: str | None) -> None:
    try:
        _screen_characters(content, marked)
    except UnicodeDecodeError as error:
        raise UndecodableDocumentError(
            f"the document begins as {error.encoding.upper()} and is not; save it as UTF-8"
        ) from error


def _screen_characters(content: BinaryIO, marked: str | None) -> None:
    decoder = codecs.getincrementaldecoder(marked or "utf-8")("strict" if marked else "replace")
    length, num_controls, has_nul, has_text = 0, 0, False, False
    for chunk in iter(partial(content.read, _CHUNK_BYTES), b""):
        text = decoder.decode(chunk)
        shown = text.encode("utf-8", "ignore") if marked else chunk
        length += len(shown)
        num_controls += count_controls(shown)
        has_nul = has_nul or b"\0" in shown
        has_text = has_text or bool(text.lstrip("\ufeff").strip())
    has_text = bool(decoder.decode(b"", final=True)) or has_text
    refuse_controls(length, num_controls, has_nul)
    if not has_text:
        raise EmptyDocumentError("the document is empty: it holds no text")
