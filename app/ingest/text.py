"""Bytes to characters. Knows encodings; knows no formats and no files."""

import codecs
from contextlib import suppress
from typing import NamedTuple

from charset_normalizer import from_bytes

from app.ingest.errors import (
    EmptyDocumentError,
    UndecodableDocumentError,
    UnsupportedDocumentError,
)
from app.ingest.kinds import TAKEN

_BYTE_ORDER_MARKS = (  # the longer ones first: that of UTF-32 begins like that of UTF-16
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
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
_CONTROLS = bytes(set(range(0x20)) - set(b"\t\n\v\f\r\x1b") | {0x7F})
_MOST_CONTROLS = 0.01


class Decoded(NamedTuple):
    """A text, and the character encoding it came in."""

    text: str
    encoding: str


def decode(data: bytes, declared: str | None = None) -> Decoded:
    r"""Return the text of `data`, its line ends all `\n`.

    A byte order mark goes before what the document declares, and that before UTF-8; where none
    fits, the encoding is detected.

    Raises:
        EmptyDocumentError, UnsupportedDocumentError, UndecodableDocumentError
    """
    text, encoding = _decode(data, declared)
    text = text.lstrip("\ufeff")
    num_controls = count_controls(text.encode("utf-8", "replace"))
    refuse_controls(len(text), num_controls, "\0" in text)
    if not text.strip():
        raise EmptyDocumentError("the document is empty: it holds no text")
    return Decoded(text.replace("\r\n", "\n").replace("\r", "\n"), encoding)


def encoding_by_mark(data: bytes) -> str | None:
    """Return the encoding that a byte order mark at the beginning names."""
    return next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), None)


def count_controls(data: bytes) -> int:
    """Return how many bytes are control characters that plain text hardly has."""
    return len(data) - len(data.translate(None, _CONTROLS))


def refuse_controls(length: int, num_controls: int, has_nul: bool) -> None:
    """Refuse what is full of control characters.

    Raises:
        UnsupportedDocumentError
    """
    if has_nul or num_controls > length * _MOST_CONTROLS:
        raise UnsupportedDocumentError(
            f"the document is binary data of an unknown kind, full of control characters; {TAKEN}"
        )


def _decode(data: bytes, declared: str | None) -> Decoded:
    marked = encoding_by_mark(data)
    if marked:
        return _decode_as(marked, data)
    refuse_controls(len(data), count_controls(data), b"\0" in data)
    for encoding in filter(None, (_python_name(declared), "utf-8")):
        with suppress(UnicodeError, LookupError):  # some codecs are no character encodings
            return Decoded(data.decode(encoding), encoding)
    return _decode_detected(data)


def _python_name(declared: str | None) -> str | None:
    """Return the codec for a declared encoding; as on the web, Latin-1 means cp1252."""
    try:
        name = codecs.lookup((declared or "").strip()).name
    except (LookupError, ValueError):
        return None
    return "cp1252" if name in ("iso8859-1", "ascii") else name


def _decode_as(encoding: str, data: bytes) -> Decoded:
    try:
        return Decoded(data.decode(encoding), encoding)
    except UnicodeDecodeError as error:
        raise UndecodableDocumentError(
            f"the document begins as {encoding.upper()} and is not; save it as UTF-8"
        ) from error


def _decode_detected(data: bytes) -> Decoded:
    best = from_bytes(data).best()
    if best is None:
        raise UndecodableDocumentError(
            "the document's character encoding could not be told; save it as UTF-8"
        )
    if best.encoding in _LATIN_CODE_PAGES:
        return _decode_latin(data) or Decoded(str(best), best.encoding)
    return Decoded(str(best), best.encoding)


def _decode_latin(data: bytes) -> Decoded | None:
    """Decode by the code page in which one language's alphabet explains the most bytes.

    A text too short to hold a letter that tells two languages apart is taken for the first that
    fits; without any such letter it is cp1252. None where the bytes mean nothing in that page.
    """
    encoding, _ = max(_ALPHABETS, key=lambda page: _num_letters(data, *page))
    try:
        return Decoded(data.decode(encoding), encoding)
    except UnicodeDecodeError:
        return None


def _num_letters(data: bytes, encoding: str, alphabet: str) -> int:
    letters = (alphabet + alphabet.upper()).encode(encoding)
    return sum(data.count(letter) for letter in set(letters) if letter >= 0x80)
