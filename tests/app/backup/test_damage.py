"""What is no backup, or not a whole one, is refused before anything is written."""

import hashlib
import io
import json
import random
import tarfile
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import inspect

from app.backup.archive import damage_told
from app.backup.checking import check
from app.backup.errors import BackupError
from app.backup.form import HEAD, MANIFEST, SUM
from app.backup.rows import read_schema, write_rows
from app.backup.saving import save
from app.clock import utc_now
from app.db import Database
from app.storage import source_key
from tests.app.backup.place import Place, files
from tests.app.doctor.installation import Installation
from tests.faults.failing_disk import FULL, FailingDisk


@pytest.fixture
def backup(small: Installation, tmp_path: Path) -> Path:
    """A backup in good order."""
    path = tmp_path / "b.tar"
    save(small.database, small.store, path, utc_now())
    return path


def rewritten(path: Path, change: Callable[[tarfile.TarInfo, bytes], bytes | None]) -> None:
    """Write the archive anew, each member as `change` returns it; None leaves it out."""
    with tarfile.open(path) as old:
        members = [(info, old.extractfile(info)) for info in old.getmembers()]
        contents = [(info, file.read() if file else b"") for info, file in members]
    with tarfile.open(path, "w") as new:
        for info, content in contents:
            changed = change(info, content)
            if changed is not None:
                info.size = len(changed)
                new.addfile(info, io.BytesIO(changed))


def appended(path: Path, info: tarfile.TarInfo) -> None:
    """Add a member without content as the second one."""
    with tarfile.open(path) as old:
        contents = [(each, old.extractfile(each)) for each in old.getmembers()]
        with tarfile.open(path.with_suffix(".new"), "w") as new:
            for number, (each, file) in enumerate(contents):
                if number == 1:
                    new.addfile(info)
                new.addfile(each, file)
    path.with_suffix(".new").replace(path)


def contents(path: Path, folder: Path) -> dict[str, bytes]:
    """Return all that a restore would take out of a backup."""
    with damage_told():
        checked = check(path, folder, lambda _: None)
        return {entry.name: content.read() for entry, content in checked.members("")}


@pytest.mark.parametrize("content", [b"", b"no archive at all", bytes(10_240), b"\x1f\x8b" * 500])
def test_foreign_file_is_no_backup(empty: Place, tmp_path: Path, content: bytes) -> None:
    """Whatever it is."""
    (tmp_path / "x").write_bytes(content)

    with pytest.raises(BackupError, match="it is no backup"):
        empty.restore(tmp_path / "x")

    assert empty.is_untouched()


def test_foreign_archive_is_no_backup(empty: Place, tmp_path: Path) -> None:
    """Another program's tar file."""
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        archive.add(__file__, "a.py")

    with pytest.raises(BackupError, match="it is no backup"):
        empty.restore(tmp_path / "x.tar")


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("format", 2, "newer format 2: restore it with LIFT Server"),
        ("schema_revision", "9999", "its database is newer than this version's"),
        ("format", "one", "its beginning is damaged"),
        ("created_at", None, "its head is not what was saved"),
    ],
)
def test_other_head_is_refused(
    backup: Path, empty: Place, field: str, value: object, told: str
) -> None:
    """A newer version's backup is told as such, with the version that can restore it."""

    def change(info: tarfile.TarInfo, content: bytes) -> bytes:
        if info.name != HEAD:
            return content
        head = json.loads(content)
        head["lift_backup"][field] = value
        return json.dumps(head).encode()

    rewritten(backup, change)

    with pytest.raises(BackupError, match=told):
        empty.restore(backup)

    assert empty.is_untouched()


def test_damaged_file_is_named(backup: Path, empty: Place, small: Installation) -> None:
    """The one whose bytes are others."""
    key = source_key(small.waiting)
    rewritten(backup, lambda info, content: b"?" + content[1:] if key in info.name else content)

    with pytest.raises(BackupError, match=f"it is damaged: store/{key} is not what was saved"):
        empty.restore(backup)

    assert empty.is_untouched()


@pytest.mark.parametrize("part", ["/source", "rows/jobs", "manifest.jsonl", "manifest.sha256"])
def test_member_that_is_gone_is_missed(backup: Path, empty: Place, part: str) -> None:
    """Also the last ones."""
    rewritten(backup, lambda info, content: None if part in info.name else content)

    with pytest.raises(BackupError, match=r"damaged|cut off|no part"):
        empty.restore(backup)

    assert empty.is_untouched()


def test_flipped_byte_is_refused_or_changes_nothing(backup: Path, tmp_path: Path) -> None:
    """Wherever it is: in a file, a row, a name, the manifest. Only what fills up blocks is free."""
    chance, content = random.Random(8), backup.read_bytes()
    right, num_refused = contents(backup, tmp_path), 0
    for _ in range(200):
        damaged = bytearray(content)
        damaged[chance.randrange(len(content.rstrip(b"\0")))] ^= 1 << chance.randrange(8)
        backup.write_bytes(damaged)
        try:
            assert contents(backup, tmp_path) == right
        except BackupError:
            num_refused += 1

    assert 75 < num_refused < 200


def test_truncated_backup_is_refused(backup: Path, empty: Place) -> None:
    """Wherever it ends: it has no manifest, or only a part of it."""
    content = backup.read_bytes()
    end = content.rstrip(b"\0")
    for length in range(600, len(end), 997):
        backup.write_bytes(content[:length])

        with pytest.raises(BackupError, match=r"damaged|cut off|no backup"):
            empty.restore(backup)

        assert empty.is_untouched()


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


def test_database_with_rows_is_left_alone(backup: Path, small: Installation, empty: Place) -> None:
    """One that is in use is never mixed with a backup."""
    used = Place(small.database, empty.store, empty.data_dir)
    before = used.tables()

    with pytest.raises(BackupError, match=r"the database is not empty \(its table .* has rows"):
        used.restore(backup)

    assert used.tables() == before
    assert not files(empty.store)


def test_store_with_other_files_is_left_alone(backup: Path, empty: Place) -> None:
    """An empty database beside a full store is most likely a wrong setting."""
    other = source_key("doc_00000000000000000000000000")
    empty.store.put(other, BytesIO(b"mine"))

    with pytest.raises(BackupError, match=f"the store is not empty .it has {other}"):
        empty.restore(backup)

    assert files(empty.store) == {other: b"mine"}


@pytest.mark.faults
def test_full_disk_leaves_an_empty_database(
    backup: Path, small: Installation, tmp_path: Path
) -> None:
    """Whichever write of the store fails; restored again, all is there."""
    for number in count(1):
        with Place.at(tmp_path / f"to{number}") as place:
            disk = FailingDisk(place.data_dir / "store", number, FULL)
            with disk.mounted(), suppress(OSError):
                place.restore(backup)
                if disk.failed is None:
                    break
                continue  # it could do without
            assert not inspect(place.database.engine).get_table_names()

            place.restore(backup)

            assert len(place.tables()["documents"]) == 3
            assert files(place.store).items() <= files(small.store).items()

    assert number > 10
