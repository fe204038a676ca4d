"""A ZIP archive as many documents: each file whole, named, and within the limits."""

import os
from collections.abc import Callable
from dataclasses import replace
from io import SEEK_END, BytesIO
from pathlib import Path
from tempfile import SpooledTemporaryFile, TemporaryFile
from typing import IO

import pytest

from app.ingest import capped, child
from app.ingest.errors import (
    DamagedDocumentError,
    IngestError,
    LimitExceededError,
    ProtectedDocumentError,
    UnsupportedDocumentError,
)
from app.ingest.limits import LIMITS, MIB, Limits
from app.ingest.unpacking import unpacked
from tests.ingest.made import make_docx, make_zip
from tests.ingest.test_bombs import lying, nested, overlapping, zeros

FEIGNED = "import sys, os, time\nsys.stdin.read()\nsay = lambda data: os.write(1, data)\n{}\n"


def file_of(data: bytes) -> IO[bytes]:
    """An upload, read to its end, as a request leaves it."""
    file = SpooledTemporaryFile(max_size=MIB)  # noqa: SIM115  the caller closes it
    file.write(data)
    return file


def unpack(data: bytes, limits: Limits = LIMITS) -> dict[str, bytes]:
    """Return all files by their names."""
    with file_of(data) as file, unpacked(file, limits) as members:
        return {member.name: member.content.read() for member in members}


def test_files_come_whole_and_by_name() -> None:
    """Each is what was packed, in natural order; what systems hide beside them is left out."""
    archive = {
        "part 10.txt": b"ten",
        "part 9.bin": os.urandom(3 * MIB),
        "empty": b"",
        "inner.zip": make_zip({"a": "x"}),
        "__MACOSX/._x": b"junk",
        ".DS_Store": b"junk",
        "folder/": b"",
    }
    found = unpack(make_zip(archive))

    assert list(found) == ["empty", "inner.zip", "part 9.bin", "part 10.txt"]
    assert all(content == archive[name] for name, content in found.items())


def test_files_are_read_apart() -> None:
    """Reading one moves no other's place, and each can be measured and read again."""
    with file_of(make_zip({"a": "first", "b": "second"})) as file, unpacked(file) as members:
        first, second = (member.content for member in members)

        assert (first.read(2), second.seek(0, SEEK_END), first.read()) == (b"fi", 6, b"rst")
        assert (second.read(), second.seek(3), second.read(), second.read()) == (
            b"",
            3,
            b"ond",
            b"",
        )


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "etc/passwd"),
        ("C:\\Users\\me\\a.txt", "C:/Users/me/a.txt"),
        ("/absolute//./a.txt", "absolute/a.txt"),
        ("a\u202etxt.exe", "atxt.exe"),
        ("\u0645\u0631\u062d\u0628\u0627.txt", "\u0645\u0631\u062d\u0628\u0627.txt"),
        ("a/" + "x" * 4096, "a/" + "x" * 500),
        ("\u202e", "unnamed"),
    ],
)
def test_names_lead_nowhere(name: str, shown: str) -> None:
    """A path is for show: no way up, no marks that turn the direction of writing."""
    assert list(unpack(make_zip({name: "x"}))) == [shown]


@pytest.mark.parametrize(
    ("make", "refusal", "message"),
    [
        (make_docx, UnsupportedDocumentError, "one DOCX file, no archive of documents"),
        (lambda: b"just text", UnsupportedDocumentError, "no ZIP archive; upload it as one"),
        (lambda: make_zip({}), UnsupportedDocumentError, "holds no document"),
        (lambda: make_zip({"xl/workbook.xml": "x"}), UnsupportedDocumentError, "Excel"),
        (lambda: make_zip({f"{n}": "x" for n in range(101)}), LimitExceededError, "101 documents"),
        (lambda: make_zip({f"{n}": "" for n in range(5001)}), LimitExceededError, "5,000 files"),
        (lambda: zeros(300 * MIB), LimitExceededError, r"'a\.txt': .*100 times its size"),
        (lying, DamagedDocumentError, r"'a\.txt': the archive"),
        (overlapping, IngestError, "times its size|damaged|documents"),
        (lambda: b"PK\3\4 and so on", DamagedDocumentError, "damaged"),
    ],
)
def test_unfit_archive_is_refused_whole(
    make: Callable[[], bytes], refusal: type[IngestError], message: str
) -> None:
    """The refusal says what it is, or which file is to blame."""
    with pytest.raises(refusal, match=message):
        unpack(make())


def test_locked_file_is_named() -> None:
    """A password is found also where it is not on the first file."""
    data = bytearray(make_zip({"a.txt": "x", "b.txt": "y"}))
    data[data.rindex(b"PK\x01\x02") + 8] |= 1

    with pytest.raises(ProtectedDocumentError, match=r"'b\.txt': .*password"):
        unpack(bytes(data))


def test_inner_archives_stay_packed() -> None:
    """They are documents of their own, judged when they are parsed."""
    assert list(unpack(nested(50))) == ["a.zip"]


@pytest.mark.parametrize(
    "code",
    [
        "sys.exit(1)",
        "os.kill(os.getpid(), 9)",
        "say(b'{\\n')",
        "say(b'[]\\n')",
        'say(b\'{"network":"","refused":"Path","message":""}\\n\')',
        'say(b\'{"name":"a","size_bytes":9}\\nabc\')',
        'say(b\'{"name":"a","size_bytes":-1}\\n\')',
        'say(b\'{"name":"a","size_bytes":"x"}\\n\')',
        'say(b\'{"name":"a","size_bytes":999999999999}\\n\')',
        'say(b\'{"name":"a","size_bytes":1}\\nx\')',
        "while True: say(bytes(100000))",
        'while True: say(b\'{"name":"a","size_bytes":1000000}\\n\' + bytes(1000000))',
    ],
)
def test_lying_process_refuses_its_archive(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str
) -> None:
    """Whatever the process says, the archive is refused, and no more lies on the disk than may."""
    program = tmp_path / "feigned.py"
    program.write_text(FEIGNED.format(code))
    monkeypatch.setattr(child, "__file__", str(program))
    monkeypatch.setattr(capped, "_END_SECONDS", 0.2)

    with pytest.raises(DamagedDocumentError):
        unpack(make_zip({"a": "x"}), replace(LIMITS, unpacked_bytes=10 * MIB))


def test_hanging_process_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The time limit is the wall's."""
    program = tmp_path / "feigned.py"
    program.write_text(FEIGNED.format("time.sleep(600)"))
    monkeypatch.setattr(child, "__file__", str(program))

    with pytest.raises(LimitExceededError, match=r"longer than the 0\.5 seconds"):
        unpack(b"", replace(LIMITS, wall_seconds=0.5))


def test_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was unpacked has no name in any folder, and its descriptor is closed."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = len(os.listdir("/proc/self/fd"))
    with TemporaryFile() as file, BytesIO(make_zip({"a": "x" * MIB})) as packed:
        file.write(packed.getvalue())
        with unpacked(file) as members:
            assert len(members) == 1
            assert not list(tmp_path.iterdir())

    assert len(os.listdir("/proc/self/fd")) == before
