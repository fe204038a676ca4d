"""Scanned PDF files, read as pictures where the operator wants that."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from pypdfium2 import PdfDocument
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from app.ingest import sandbox
from app.ingest.errors import LimitExceededError, ScannedDocumentError
from app.ingest.limits import LIMITS
from app.ingest.parsing import recognise
from app.ingest.sandbox import parse_file
from tests.ingest.made import make_pdf

PAGES = (
    ["The Harbour Book", "The lamp is lit at dusk by the youngest child."],
    ["Chapter Two", "It was agreed in the year 1807."],
)


def scan(pages: PdfDocument, typed: str = "") -> bytes:
    """Make pictures of pages; a last page is typed."""
    made = BytesIO()
    canvas = Canvas(made, pageSize=(595, 842))
    for page in pages:
        picture = ImageReader(page.render(scale=2, grayscale=True).to_pil())
        canvas.drawImage(picture, 0, 0, 595, 842)
        canvas.showPage()
    if typed:
        canvas.drawString(72, 700, typed)
        canvas.showPage()
    canvas.save()
    return made.getvalue()


@pytest.fixture(scope="module")
def scanned() -> bytes:
    """Two pages without a text layer."""
    return scan(PdfDocument(make_pdf(PAGES)))


def test_scanned_pages_are_read_in_the_capped_process(scanned: bytes, tmp_path: Path) -> None:
    """The text of each page comes out in its order, behind all limits, and knows its page."""
    path = tmp_path / "source"
    path.write_bytes(scanned)
    parsed = parse_file(path, with_recognition=True)

    assert parsed.text == "\n\n".join("\n".join(lines) for lines in PAGES)
    assert [parsed.text[page.start : page.end] for page in parsed.pages] == [
        "\n".join(lines) for lines in PAGES
    ]


def test_scan_is_refused_where_recognition_is_off(scanned: bytes, tmp_path: Path) -> None:
    """Nobody waits for minutes without having asked for it."""
    path = tmp_path / "source"
    path.write_bytes(scanned)

    with pytest.raises(ScannedDocumentError, match="2 of the PDF file's 2 pages"):
        parse_file(path)


def test_missing_extra_is_told(
    scanned: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal says what the operator has to install."""
    path = tmp_path / "source"
    path.write_bytes(scanned)
    monkeypatch.setattr(sandbox, "is_installed", lambda: False)

    with pytest.raises(ScannedDocumentError, match=r"lift-server\[ocr\]"):
        parse_file(path, with_recognition=True)


def test_pages_beyond_the_limit_are_refused(scanned: bytes) -> None:
    """So many pictures and no more are read; typed pages are not counted."""
    with pytest.raises(LimitExceededError, match="more than the 1 pages without a text layer"):
        recognise(scanned, replace(LIMITS, recognised_pages=1))


def test_typed_pages_of_a_scan_stay_as_they_are() -> None:
    """A page with a text layer is not read as a picture."""
    typed = "This was typed: rn m 0O 1l"
    parsed = recognise(scan(PdfDocument(make_pdf(PAGES[:1])), typed))

    assert parsed.text.endswith(f"\n\n{typed}")
    assert parsed.text.startswith("The Harbour Book")
