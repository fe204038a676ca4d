"""Bytes to text: what is decoded, what is refused, and with which words."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ingest.text import (
    BinaryDocumentError,
    EmptyDocumentError,
    IngestError,
    UndecodableDocumentError,
    decode,
)

GERMAN = "Die Größe der Brücke überraschte alle Gäste, die aus München kamen. " * 20
prose = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff")
    | st.sampled_from("\n\t"),
    min_size=1,
).filter(str.strip)


@given(prose)
def test_utf8_comes_through_unchanged(text: str) -> None:
    """Text in UTF-8 with plain line ends is the text."""
    assert decode(text.encode()) == text


@given(prose, st.sampled_from(["utf-8-sig", "utf-16", "utf-32"]))
def test_byte_order_mark_is_read_and_dropped(text: str, encoding: str) -> None:
    """A mark says which encoding it is, and is no part of the text."""
    assert decode(text.encode(encoding)) == text


@given(prose, st.sampled_from(["\r\n", "\r"]))
def test_line_ends_are_normalised(text: str, end: str) -> None:
    """Windows and old Macintosh line ends become one newline."""
    assert decode(text.replace("\n", end).encode()) == text


@given(st.binary(max_size=2000))
def test_any_bytes_give_text_or_an_ingest_error(data: bytes) -> None:
    """Whatever comes in, only the declared errors come out, and no blank text does."""
    try:
        text = decode(data)
    except IngestError:
        return

    assert text.strip()
    assert "\r" not in text
    assert "\0" not in text


@given(prose)
def test_decoding_is_idempotent(text: str) -> None:
    """What was decoded once decodes to itself."""
    once = decode(text.encode())

    assert decode(once.encode()) == once


def test_latin1_is_detected() -> None:
    """Text that is no UTF-8 keeps its letters."""
    assert decode(GERMAN.encode("latin-1")) == GERMAN


@pytest.mark.parametrize("data", [b"", b" \r\n\t ", codecs.BOM_UTF8, "\u3000\n".encode()])
def test_document_without_text_is_refused(data: bytes) -> None:
    """Nothing but white space is no document."""
    with pytest.raises(EmptyDocumentError, match="empty"):
        decode(data)


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"%PDF-1.7\n", "a PDF file"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"\x89PNG\r\n\x1a\n", "a PNG image"),
        (b"\xff\xd8\xff\xe0", "a JPEG image"),
    ],
)
def test_known_file_types_are_named(start: bytes, name: str) -> None:
    """The message tells what was uploaded."""
    with pytest.raises(BinaryDocumentError, match=name):
        decode(start + b"some text that follows")


@pytest.mark.parametrize(
    "data",
    [b"text with a \0 inside", bytes(range(256)) * 4, b"\x01\x02\x03 text", b"\xff\xfea\0\0\0b\0"],
)
def test_binary_data_is_refused(data: bytes) -> None:
    """NUL and many control characters are no text."""
    with pytest.raises(BinaryDocumentError, match="binary"):
        decode(data)


def test_broken_encoding_is_refused() -> None:
    """A file that begins as UTF-16 and breaks off is not guessed at."""
    with pytest.raises(UndecodableDocumentError, match="UTF-16"):
        decode(codecs.BOM_UTF16_LE + b"a\0b")
