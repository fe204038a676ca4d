"""Files made to exhaust whoever reads them: each ends in a clear refusal, within the limits."""

import resource
import struct
import zipfile
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from app.ingest.errors import (
    DamagedDocumentError,
    IngestError,
    LimitExceededError,
    UnsupportedDocumentError,
)
from app.ingest.limits import MIB
from app.ingest.sandbox import parse_file
from tests.ingest.made import make_docx, make_epub, make_odt, make_pdf, make_zip

MOST_SECONDS = 5.0  # of computing, half of what a process may take; the clock depends on others
LAUGHS = "<!DOCTYPE x [" + "".join(
    f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "ha"}">' for n in range(10)
)
QUADRATIC = f'<!DOCTYPE x [<!ENTITY a "{"ha" * 50_000}">]><x>{"&a;" * 50_000}</x>'


def zeros(size_bytes: int, beginning: bytes = b"") -> bytes:
    """Bytes of a ZIP file of one text that unpacks to so many blanks."""
    made = BytesIO()
    with (
        zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.txt", "w", force_zip64=True) as file,
    ):
        file.write(beginning)
        for _ in range(size_bytes // MIB):
            file.write(b" " * MIB)
    return made.getvalue()


def nested(depth: int) -> bytes:
    """Archives within one another."""
    data = make_zip({"a.txt": "the innermost"})
    for _ in range(depth):
        data = make_zip({"a.zip": data})
    return data


def lying() -> bytes:
    """An archive whose list says that a file of 64 MiB has one byte."""
    data = bytearray(zeros(64 * MIB, b"x"))
    entry = data.index(b"PK\x01\x02")
    struct.pack_into("<I", data, entry + 24, 1)
    return bytes(data)


def overlapping() -> bytes:
    """An archive whose list names the same packed bytes four thousand times."""
    data = make_zip({"a": b" " * MIB})
    start = data.index(b"PK\x01\x02")
    entry, count = data[start : data.index(b"PK\x05\x06")], 4_000
    listed = b"".join(entry[:-1] + bytes([33 + n % 90]) for n in range(count))
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, len(listed), start, 0)
    return data[:start] + listed + end


def pdf_stream(size_bytes: int) -> bytes:
    """A page whose drawing unpacks to so many blanks, packed twice."""
    inner, blanks = zlib.compressobj(1), b" " * MIB
    once = b"".join(inner.compress(blanks) for _ in range(size_bytes // MIB)) + inner.flush()
    packed = zlib.compress(once)
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>>",
        b"<</Filter[/FlateDecode/FlateDecode]/Length %d>>stream\n%s\nendstream"
        % (len(packed), packed),
    ]
    body = b"".join(b"%d 0 obj%s endobj\n" % item for item in enumerate(objects, start=1))
    return b"%PDF-1.7\n" + body + b"trailer<</Root 1 0 R>>\n%%EOF"


def unclosed() -> bytes:
    """A page whose elements lie in one another because none is ever closed."""
    return ("<!doctype html>" + "".join(f"<font x={n}><p>" for n in range(900))).encode()


def computing_seconds() -> float:
    """What all processes took that this one has started, and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def docx_with(document: bytes) -> bytes:
    """A DOCX file with another body."""
    made = BytesIO()
    with zipfile.ZipFile(BytesIO(make_docx())) as old, zipfile.ZipFile(made, "w", 8) as new:
        for name in old.namelist():
            new.writestr(name, document if name == "word/document.xml" else old.read(name))
    return made.getvalue()


@pytest.mark.parametrize(
    ("make", "name", "refusal", "message"),
    [
        (lambda: zeros(1024 * MIB), "", LimitExceededError, "100 times its size|256 MiB"),
        (lambda: make_zip({f"{n}.txt": "x" for n in range(5001)}), "", LimitExceededError, "5,000"),
        (lambda: nested(3), "", LimitExceededError, "3 deep"),
        (lambda: nested(200), "", LimitExceededError, "3 deep"),
        (lying, "", DamagedDocumentError, "archive"),
        (overlapping, "", (LimitExceededError, DamagedDocumentError), "times its size|damaged"),
        (lambda: docx_with(b"<x>" + b" " * (1000 * MIB)), "", LimitExceededError, "unpacks to"),
        (lambda: docx_with(LAUGHS.encode()), "", DamagedDocumentError, "entities"),
        (lambda: docx_with(b"<a>" * 2_000_000), "", LimitExceededError, "500 deep"),
        (lambda: make_zip({"mimetype": "application/vnd.oasis.opendocument.text",
                           "content.xml": LAUGHS + "]><x>&a9;</x>"}), "",
         DamagedDocumentError, "entities"),
        (lambda: make_zip({"mimetype": "application/vnd.oasis.opendocument.text",
                           "content.xml": QUADRATIC}), "", DamagedDocumentError, "entities"),
        (lambda: make_odt("<text:section>" * 900_000), "", LimitExceededError, "500 deep"),
        (lambda: make_epub({"a": "x"}, {"META-INF/encryption.xml": QUADRATIC}), "",
         DamagedDocumentError, "entities"),
        (lambda: b"<!doctype html>" + b"<div>" * 1_000_000, "", LimitExceededError, "500 deep"),
        (unclosed, "", LimitExceededError, "deep"),
        (lambda: b"[" * 100_000, "a.json", LimitExceededError, "nested"),
        (lambda: b'{"a":' * 100_000, "", LimitExceededError, "nested"),
        (lambda: b"[" * 600 + b"]" * 600, "", LimitExceededError, "nested"),
        (lambda: b"a,b\n" + b"x" * 40_000_000, "a.csv", LimitExceededError, "1,000,000"),
        (lambda: b"x" * 100_000_000, "", LimitExceededError, "50,000,000 characters"),
        (lambda: pdf_stream(1024 * MIB), "", IngestError, "allowed|damaged|no page"),
        (lambda: make_pdf([[]] * 10_000), "", LimitExceededError, "10,000 pages"),
        (lambda: b"{\\rtf1" + b"{" * 3_000_000, "", LimitExceededError, "500 deep"),
        (lambda: make_zip({"../" * 1300 + "x\0y\u202e.bin": b"\0"}), "",
         UnsupportedDocumentError, "no document"),
    ],
    ids=[
        "zip of 1 GiB", "zip of many", "zip nested", "zip nested deep", "zip that lies",
        "zip that overlaps", "docx of 1 GB", "docx laughs", "docx deep", "odt laughs",
        "odt quadratic", "odt deep", "epub quadratic", "html deep", "html unclosed", "json deep",
        "json objects deep", "json too deep", "csv of one line", "text of one line", "pdf stream",
        "pdf of 10000 pages", "rtf deep", "zip of odd names",
    ],
)  # fmt: skip
def test_bomb_is_refused_within_the_limits(
    tmp_path: Path,
    make: Callable[[], bytes],
    name: str,
    refusal: type[IngestError],
    message: str,
) -> None:
    """The message says which limit it was, or what is wrong; nothing stays on the disk."""
    path = tmp_path / "upload"
    path.write_bytes(make())
    before = computing_seconds()
    with pytest.raises(refusal, match=message):
        parse_file(path, name)
    seconds = computing_seconds() - before

    assert seconds < MOST_SECONDS
    assert list(tmp_path.iterdir()) == [path]
