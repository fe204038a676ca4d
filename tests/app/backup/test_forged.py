"""What somebody else has put into a backup is refused before anything is written."""

import hashlib
import tarfile
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from app.backup.checking import check
from app.backup.errors import BackupError
from app.backup.form import MANIFEST, SUM
from app.backup.rows import read_schema, write_rows
from app.db import Database
from tests.app.backup.archives import appended, contents, rewritten
from tests.app.backup.place import Place


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../../../tmp/evil", tarfile.REGTYPE),
        ("/etc/evil", tarfile.REGTYPE),
        ("store/documents/../../evil", tarfile.REGTYPE),
        ("store/documents/doc_00000000000000000000000000/source/../../../x", tarfile.REGTYPE),
        ("store/documents/doc_00000000000000000000000000/source", tarfile.SYMTYPE),
        ("store/documents/doc_00000000000000000000000000/source", tarfile.LNKTYPE),
        ("store/documents/doc_00000000000000000000000000/source", tarfile.FIFOTYPE),
        ("store/documents", tarfile.DIRTYPE),
        ("rows/../x.jsonl", tarfile.REGTYPE),
    ],
)
def test_members_that_no_backup_has_are_refused(
    backup: Path, empty: Place, name: str, kind: bytes
) -> None:
    """Paths that lead out, links, devices: nothing of the kind is ever unpacked."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd"
    appended(backup, info)

    with pytest.raises(BackupError, match="is no part of a backup"):
        empty.restore(backup)

    assert empty.is_untouched()


def test_member_that_ends_before_it_begins_is_refused(backup: Path, tmp_path: Path) -> None:
    """Behind it, a reader would come to it again and again, and never end."""
    info = tarfile.TarInfo("rows/jobs.jsonl")
    info.pax_headers = {"size": "-1536"}  # as long as its own headers
    appended(backup, info)
    seen = count()

    def read(_: int) -> None:
        assert next(seen) < 100

    with pytest.raises(BackupError, match="a size below 0"):
        check(backup, tmp_path, read)


def test_header_that_is_none_is_refused(backup: Path, tmp_path: Path) -> None:
    """One that asks for less than nothing."""
    with tarfile.open(backup) as archive:
        second = archive.getmembers()[1].offset
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, -1024
    content = backup.read_bytes()
    backup.write_bytes(content[:second] + info.tobuf(tarfile.GNU_FORMAT) + content[second:])

    with pytest.raises(BackupError, match="a member's header is none"):
        contents(backup, tmp_path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda lines: lines[:-1], "its manifest has no end"),
        (lambda lines: [*lines[:-1], b"{}"], "its manifest is damaged"),
        (lambda lines: [*lines[:-1], b'{"end": {"left_out": null}}'], "its manifest is damaged"),
        (lambda lines: [lines[0], b'{"name": 1', *lines[2:]], "its manifest is damaged"),
        (lambda lines: [b"\xff", *lines[1:]], "its head is not what was saved"),
    ],
)
def test_manifest_that_says_nothing_is_refused(
    backup: Path, empty: Place, change: Callable[[list[bytes]], list[bytes]], told: str
) -> None:
    """Also one whose own hash is right."""
    manifest = b""

    def forge(info: tarfile.TarInfo, content: bytes) -> bytes:
        nonlocal manifest
        if info.name == MANIFEST:
            manifest = content = b"\n".join([*change(content.splitlines()), b""])
        return hashlib.sha256(manifest).hexdigest().encode() if info.name == SUM else content

    rewritten(backup, forge)

    with pytest.raises(BackupError, match=told):
        empty.restore(backup)

    assert empty.is_untouched()


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ("documents", b"{}"),
        ("documents", b"[]"),
        ("documents", b'{"id": null}'),
        ("adapters", b'{"store_key": "x"}'),
        ("documents", b'{"id": "doc_00000000000000000000000000", "title": "\\ud800"}'),
        ("documents", b'{"id": "doc_00000000000000000000000000", "size_bytes": %d}' % 2**70),
        ("jobs", b'{"created_at": "yesterday"}'),
    ],
)
def test_row_that_is_none_of_its_table_is_refused(
    sqlite: Database, table: str, line: bytes
) -> None:
    """In a sentence, whatever the database's driver makes of it."""
    with sqlite.engine.connect() as connection:
        tables = read_schema(connection).tables

        with pytest.raises(BackupError, match=r"not of its schema|not its own"):
            write_rows(connection, tables[table], [line])
