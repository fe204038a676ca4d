"""The first look at an upload: what is refused at once, in any pieces and in little memory."""

import tracemalloc
from io import BytesIO

import pytest

from app.ingest.errors import (
    DamagedDocumentError,
    EmptyDocumentError,
    IngestError,
    ProtectedDocumentError,
    UndecodableDocumentError,
    UnsupportedDocumentError,
)
from app.ingest.screening import screen
from tests.ingest.made import make_docx, make_pdf, make_zip

LOCKED = b"PK\x03\x04\x14\0\1" + bytes(60) + b"PK\x05\x06" + bytes(18)


@pytest.mark.parametrize(
    ("data", "opening"),
    [
        ("Grüße\n".encode(), "Grüße\n"),
        ("Grüße".encode("utf-16"), "Grüße"),
        (b"\xef\xbb\xbfx", "x"),
        ("Größe".encode("latin-1"), "Gre"),
        (b"{\\rtf1 x}", "{\\rtf1 x}"),
        (make_pdf([["x"]]), ""),
        (make_docx(), ""),
    ],
)
def test_document_passes_and_tells_how_it_begins(data: bytes, opening: str) -> None:
    """Texts say their first characters, packed formats nothing."""
    assert screen(BytesIO(data)) == opening


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        (b"", EmptyDocumentError),
        (b" \n" * 2_000_000, EmptyDocumentError),
        ("\u3000".encode(), EmptyDocumentError),
        (b"\xff\xfe\n\0", EmptyDocumentError),
        (b"\xff\xfea", UndecodableDocumentError),
        (b"x" * 3_000_000 + b"\0", UnsupportedDocumentError),
        (b"\x1b\x01\x02" * 100, UnsupportedDocumentError),
        (b"\x89PNG\r\n\x1a\n", UnsupportedDocumentError),
        (make_zip({"a": "x"})[:-30], DamagedDocumentError),
        (LOCKED, ProtectedDocumentError),
    ],
)
def test_useless_upload_is_refused(data: bytes, refusal: type[IngestError]) -> None:
    """What no parser could read never becomes a job."""
    with pytest.raises(refusal):
        screen(BytesIO(data))


def test_large_upload_takes_little_memory() -> None:
    """Forty times as long a text takes no more memory to look over."""
    content = BytesIO(b"A line of text.\n" * (40 * 1024 * 1024 // 16))
    tracemalloc.start()
    screen(content)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak_bytes < 8 * 1024 * 1024
