"""PDF: the text of its pages, and its bookmarks as headings."""

import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from pypdfium2 import PdfDocument, PdfiumError, PdfPage
from pypdfium2 import raw as pdfium

from app.ingest.builder import TextBuilder, clean
from app.ingest.errors import (
    DamagedDocumentError,
    EmptyDocumentError,
    LimitExceededError,
    ProtectedDocumentError,
    ScannedDocumentError,
)

_HYPHEN_AT_LINE_END = re.compile("[\x02\ufffe]\\s*\n?")
_PICTURE = getattr(pdfium, "FPDF_PAGEOBJ_IMAGE")  # noqa: B009  the types do not know it
_FEWEST_CHARACTERS = 16
"""A page with fewer holds no text but a number or a stamp."""
_SCANNED_SHARE = 0.9
"""A file is a scan if so many of its pages are pictures without text."""


Recognise = Callable[[PdfPage], str]
"""Returns the text of a page that is a picture."""


@dataclass(frozen=True, slots=True)
class _Page:
    text: str
    start: int


def write_pdf(builder: TextBuilder, data: bytes, recognise: Recognise | None = None) -> None:
    """Add all pages; `recognise` reads those that are pictures.

    Raises:
        IngestError: a limit, damage, a password, or pages that are pictures.
    """
    try:
        with closing(PdfDocument(data)) as document:
            _check_length(builder, len(document))
            pages, num_scanned = _write_pages(builder, document, recognise)
            _refuse_without_text(len(pages), num_scanned, sum(len(page.text) for page in pages))
            _note_bookmarks(builder, document, pages)
    except PdfiumError as error:
        raise _refusal(error) from error


def _check_length(builder: TextBuilder, num_pages: int) -> None:
    most = builder.limits.pages
    if num_pages > most:
        raise LimitExceededError(
            f"the PDF file has {num_pages:,} pages; {most:,} are allowed; upload it in parts"
        )
    if num_pages == 0:
        raise DamagedDocumentError("the PDF file has no pages; print it to a new one")


def _write_pages(
    builder: TextBuilder, document: PdfDocument, recognise: Recognise | None
) -> tuple[list[_Page], int]:
    pages, num_scanned = [], 0
    for index in range(len(document)):
        builder.note_page(document.get_page_label(index) or str(index + 1))
        with closing(document[index]) as page:
            text = _read_text(page)
            if len(text) < _FEWEST_CHARACTERS and _has_picture(page):
                text = (recognise(page) if recognise else "") or text
                num_scanned += recognise is None
        goes_on = text[:1].islower()  # a sentence that goes over the page's end
        start = builder.add(text, "\n" if goes_on else "\n\n")
        pages.append(_Page(text, start))
    return pages, num_scanned


def _read_text(page: PdfPage) -> str:
    with closing(page.get_textpage()) as readable:
        text = readable.get_text_bounded(errors="ignore").replace("\r\n", "\n")
    return clean(_HYPHEN_AT_LINE_END.sub("", text))


def _has_picture(page: PdfPage) -> bool:
    return any(True for _ in page.get_objects(filter=[_PICTURE], max_depth=5))


def _refuse_without_text(num_pages: int, num_scanned: int, num_characters: int) -> None:
    if num_scanned and num_scanned >= num_pages * _SCANNED_SHARE:
        raise ScannedDocumentError(
            f"{num_scanned:,} of the PDF file's {num_pages:,} pages are pictures without a text "
            "layer, as a scanner makes them; run a text recognition (OCR) over it first, such as "
            "ocrmypdf"
        )
    if not num_characters:
        raise EmptyDocumentError("the document is empty: no page of the PDF file holds text")


def _note_bookmarks(builder: TextBuilder, document: PdfDocument, pages: list[_Page]) -> None:
    for bookmark in document.get_toc(max_depth=6):
        target = bookmark.get_dest()
        index = target.get_index() if target else None
        title = " ".join(bookmark.get_title().split())
        if index is not None and 0 <= index < len(pages) and title:
            start = pages[index].start + _place_of(title, pages[index].text)
            builder.note_heading(bookmark.level + 1, title, start)


def _place_of(title: str, text: str) -> int:
    found = re.search(r"\s+".join(map(re.escape, title.split())), text, re.IGNORECASE)
    return found.start() if found else 0


def _refusal(error: PdfiumError) -> Exception:
    if "assword" in str(error) or "ecurity" in str(error):
        return ProtectedDocumentError(
            "the PDF file is locked with a password; save it without one, for example by printing "
            "it to a new PDF file"
        )
    return DamagedDocumentError("the PDF file is damaged; save it anew, or print it to a new one")
