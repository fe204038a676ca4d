"""What is no backup, or not a whole one, is refused before anything is written."""

import json
import random
import tarfile
from contextlib import suppress
from io import BytesIO
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import inspect

from app.backup.errors import BackupError
from app.backup.form import HEAD
from app.storage import source_key
from tests.app.backup.archives import contents, rewritten
from tests.app.backup.place import Place, files
from tests.app.doctor.installation import Installation
from tests.faults.failing_disk import FULL, FailingDisk


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
