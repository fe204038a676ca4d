"""Bytes of a plain text file to text. Knows character encodings; knows no HTTP and no files."""

import codecs
import re

from charset_normalizer import from_bytes

_BYTE_ORDER_MARKS = (  # the longer ones first: that of UTF-32 begins like that of UTF-16
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SIGNATURES = (
    (b"%PDF-", "a PDF file"),
    (b"PK\x03\x04", "a ZIP archive (perhaps a DOCX, ODT or EPUB file)"),
    (b"\x89PNG\r\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Microsoft Office file"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3\x00", "a SQLite database"),
)
_LATIN_CODE_PAGES = frozenset(
    ["cp1250", "cp1252", "cp1254", "cp1257", "cp1258", "latin_1"]
    + [f"iso8859_{part}" for part in (2, 3, 4, 9, 10, 13, 14, 15, 16)]
)
"""Code pages that a statistical guess confuses: they differ in a few letters only."""
_ALPHABETS = (  # letters beyond ASCII; the likelier page first, which wins where two fit as well
    ("cp1252", "àâæçéèêëîïôœùûüÿ"),  # French
    ("cp1252", "áéíñóúü"),  # Spanish
    ("cp1252", "äöüß"),  # German
    ("cp1252", "àáâãçéêíóôõúü"),  # Portuguese
    ("cp1252", "àèéìíòóùú"),  # Italian
    ("cp1252", "àçèéíïòóúü·"),  # Catalan
    ("cp1252", "æøåéóäö"),  # Danish, Norwegian, Swedish, Finnish
    ("cp1252", "áðéíóúýþæö"),  # Icelandic
    ("iso8859_15", "àâæçéèêëîïôœùûüÿ"),  # French
    ("cp1250", "ąćęłńóśźż"),  # Polish
    ("cp1250", "áäčďéěíľĺňóôöřŕšťúůüýž"),  # Czech, Slovak
    ("cp1250", "áéíóöőúüű"),  # Hungarian
    ("cp1250", "ăâîşţ"),  # Romanian
    ("cp1250", "čćđšž"),  # Croatian, Slovene
    ("iso8859_2", "ąćęłńóśźż"),
    ("iso8859_2", "áäčďéěíľĺňóôöřŕšťúůüýž"),
    ("cp1254", "çğıİöşüâîû"),  # Turkish
    ("cp1257", "ąčęėįšųūž"),  # Lithuanian
    ("cp1257", "āčēģīķļņšūž"),  # Latvian
    ("cp1257", "äõöüšž"),  # Estonian
)
_CONTROLS = frozenset(range(0x20)) - frozenset(b"\t\n\v\f\r\x1b") | {0x7F}
_CONTROLS_TEXT = "".join(map(chr, sorted(_CONTROLS)))
_MOST_CONTROLS = 0.01


class IngestError(Exception):
    """Base of the errors about an uploaded document's content."""


class EmptyDocumentError(IngestError):
    """There is nothing but white space in the document."""


class BinaryDocumentError(IngestError):
    """The document is not text; the message says what it seems to be."""


class UndecodableDocumentError(IngestError):
    """The document's character encoding could not be told."""


def decode(data: bytes) -> str:
    r"""Return the text of `data`, its line ends all `\n`.

    UTF-8, or UTF-16 and UTF-32 with a byte order mark; otherwise the encoding is detected.

    Raises:
        EmptyDocumentError, BinaryDocumentError, UndecodableDocumentError
    """
    _refuse_signature(data)
    text = _decode(data).lstrip("\ufeff")
    _refuse_controls(len(text), sum(map(text.count, _CONTROLS_TEXT)), "\0" in text)
    if not text.strip():
        raise EmptyDocumentError("the document is empty: it holds no text")
    return re.sub("\r\n?", "\n", text)


def _refuse_signature(data: bytes) -> None:
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            raise BinaryDocumentError(f"the document is {name}, not plain text; upload its text")


def _decode(data: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _decode_as(encoding, data)
    _refuse_controls(len(data), sum(data.count(control) for control in _CONTROLS), b"\0" in data)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return _decode_detected(data)


def _decode_as(encoding: str, data: bytes) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise UndecodableDocumentError(
            f"the document begins as {encoding.upper()} and is not; save it as UTF-8"
        ) from error


def _decode_detected(data: bytes) -> str:
    best = from_bytes(data).best()
    if best is None:
        raise UndecodableDocumentError(
            "the document's character encoding could not be told; save it as UTF-8"
        )
    if best.encoding in _LATIN_CODE_PAGES:
        return _decode_latin(data) or str(best)
    return str(best)


def _decode_latin(data: bytes) -> str | None:
    """Decode by the code page in which one language's alphabet explains the most bytes.

    A text too short to hold a letter that tells two languages apart is taken for the first that
    fits; without any such letter it is cp1252. None where the bytes mean nothing in that page.
    """
    encoding, _ = max(_ALPHABETS, key=lambda page: _num_letters(data, *page))
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _num_letters(data: bytes, encoding: str, alphabet: str) -> int:
    letters = (alphabet + alphabet.upper()).encode(encoding)
    return sum(data.count(letter) for letter in set(letters) if letter >= 0x80)


def _refuse_controls(length: int, num_controls: int, has_nul: bool) -> None:
    if has_nul or num_controls > length * _MOST_CONTROLS:
        raise BinaryDocumentError(
            "the document is binary data, not plain text: it is full of control characters"
        )
