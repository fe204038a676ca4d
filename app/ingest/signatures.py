"""What a file is by its first bytes, as far as these tell."""

import re

from app.ingest.errors import UnsupportedDocumentError
from app.ingest.kinds import TAKEN

_OFFICE = (
    "a file of an old Microsoft Office, or of a newer one with a password; "
    "save it without a password as DOCX"
)
_UNREADABLE = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _OFFICE),
    (b"\x89PNG\r\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"\x1f\x8b", "a gzip archive; pack it as ZIP"),
    (b"BZh91AY&SY", "a bzip2 archive; pack it as ZIP"),
    (b"\xfd7zXZ\x00", "an xz archive; pack it as ZIP"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive; pack it as ZIP"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive; pack it as ZIP"),
    (b"Rar!\x1a\x07", "a RAR archive; pack it as ZIP"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90\x00", "a program"),
    (b"SQLite format 3\x00", "a SQLite database"),
    (b"%!PS", "a PostScript file; make a PDF file of it"),
    (b"OggS", "a sound or film; transcribe it"),
    (b"ID3\x03\x00", "a sound; transcribe it"),
    (b"ID3\x04\x00", "a sound; transcribe it"),
    (b"AT&TFORM", "a DjVu file; make a PDF file with text of it"),
)
_PDF = re.compile(rb"(?:\xef\xbb\xbf)?\s{0,1024}%PDF-\d")


def refuse_unreadable(data: bytes) -> None:
    """Refuse formats that are known, and not read.

    Raises:
        UnsupportedDocumentError: names the format.
    """
    for signature, name in _UNREADABLE:
        if data.startswith(signature):
            raise UnsupportedDocumentError(f"the document is {name}; {TAKEN}")


def is_pdf(data: bytes) -> bool:
    """Tell a PDF file, also behind white space."""
    return _PDF.match(data) is not None


def is_zip(data: bytes) -> bool:
    """Tell a ZIP archive: also DOCX, ODT and EPUB files are such."""
    return data.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def is_rtf(data: bytes) -> bool:
    """Tell an RTF file."""
    return data.startswith(b"{\\rtf")
