"""A backup that is made while others write, delete, and break things."""

import json
import tracemalloc
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from sqlalchemy import update

from app.backup.checking import check
from app.backup.errors import BackupError
from app.backup.saving import Told, save
from app.clock import utc_now
from app.models import Adapter
from app.storage import StoreError, source_key, text_key
from app.storage.folder import FolderStore
from tests.app.backup.place import Place, files
from tests.app.doctor.installation import Installation
from tests.faults.failing_disk import FULL, FailingDisk

_LARGE_BYTES = 64 * 1024**2


def at_first(what: str, act: object) -> Told:
    """Do something once, when the backup tells of `what` for the first time."""
    told = []

    def hear(said: str, *_: object) -> None:
        if said == what and not told:
            told.append(said)
            act()  # type: ignore[operator]

    return hear


def test_document_deleted_while_files_are_copied_is_left_out(
    installation: Installation, empty: Place, tmp_path: Path
) -> None:
    """Its rows go, and what was copied of it already is not restored."""
    gone = max(installation.ready, installation.training, installation.waiting)
    told = at_first("files", lambda: installation.delete(gone))

    saved = save(
        installation.database, installation.store, tmp_path / "b.tar", utc_now(), told=told
    )
    empty.restore(tmp_path / "b.tar")

    assert (saved.left_out, saved.missing, saved.num_documents) == ([gone], [], 2)
    restored = empty.tables()
    assert gone not in str(restored)
    assert len(restored["documents"]) == len(restored["jobs"]) == 2
    assert not [key for key in files(empty.store) if gone in key]


def test_document_deleted_between_its_files_leaves_none_of_them(
    small: Installation, empty: Place, tmp_path: Path
) -> None:
    """Its source is in the archive already, and stays there when it is restored."""
    first = min(small.ready, small.training, small.waiting)
    assert first == small.ready
    told = at_first("files", lambda: small.delete(first))

    saved = save(small.database, small.store, tmp_path / "b.tar", utc_now(), told=told)
    empty.restore(tmp_path / "b.tar")

    assert saved.left_out == [first]
    assert not [key for key in files(empty.store) if first in key]


def test_rows_are_those_of_one_moment(
    installation: Installation, empty: Place, tmp_path: Path
) -> None:
    """What is uploaded while rows are read is not in the backup, nor any part of it."""
    before = {installation.ready, installation.training, installation.waiting}
    told = at_first("rows", lambda: installation.upload())

    save(installation.database, installation.store, tmp_path / "b.tar", utc_now(), told=told)
    empty.restore(tmp_path / "b.tar")

    restored = empty.tables()
    assert {row["id"] for row in restored["documents"]} == before
    assert {row["document_id"] for row in restored["jobs"]} == before
    assert {key.split("/")[1] for key in files(empty.store)} == before


def test_file_that_is_missing_is_told_and_the_rest_is_saved(
    small: Installation, empty: Place, tmp_path: Path
) -> None:
    """One damaged document does not cost the others their backup; the doctor finds it again."""
    small.store.delete(text_key(small.ready))

    saved = save(small.database, small.store, tmp_path / "b.tar", utc_now())
    empty.restore(tmp_path / "b.tar")

    assert (saved.missing, saved.left_out) == ([text_key(small.ready)], [])
    assert small.adapter in files(empty.store)
    assert small.ready in {row["id"] for row in empty.tables()["documents"]}


def test_file_that_is_damaged_is_told_and_saved_as_it_is(
    small: Installation, tmp_path: Path
) -> None:
    """A backup is no place to lose the rest of a file, or to hide that it is broken."""
    small.overwrite(small.adapter, b"what was lesrnt")

    saved = save(small.database, small.store, tmp_path / "b.tar", utc_now())

    assert (saved.damaged, saved.missing) == ([small.adapter], [])
    assert b"what was lesrnt" in (tmp_path / "b.tar").read_bytes()


def test_backup_holds_hashes_of_keys_and_no_setting(
    small: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No password or token of the environment, no address of a database or a store."""
    for name in ("LIFT_API_KEY", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "LIFT_JUDGE_API_KEY"):
        monkeypatch.setenv(name, f"secret-{name}")

    save(small.database, small.store, tmp_path / "b.tar", utc_now())

    content = (tmp_path / "b.tar").read_bytes()
    assert b'"secret_sha256": "' in content
    assert b"secret-" not in content
    assert b"sqlite" not in content
    assert (tmp_path / "b.tar").stat().st_mode & 0o777 == 0o600


def test_manifest_tells_each_file_with_its_hash(small: Installation, tmp_path: Path) -> None:
    """Its lines are for people and programs: head, entries, end."""
    save(small.database, small.store, tmp_path / "b.tar", utc_now())

    backup = check(tmp_path / "b.tar", tmp_path, lambda _: None)

    first, *entries, last = map(json.loads, backup.manifest.read_text().splitlines())
    assert (first["lift_backup"]["format"], first["lift_backup"]["schema_revision"][:2]) == (
        1,
        "00",
    )
    assert {tuple(entry) for entry in entries} == {("name", "size_bytes", "sha256")}
    assert last["end"]["num_files"] == len(entries)


def test_existing_file_is_not_written_over(small: Installation, tmp_path: Path) -> None:
    """An older backup is worth more than a typing error."""
    (tmp_path / "b.tar").write_bytes(b"older")

    with pytest.raises(BackupError, match=r"b\.tar exists: name another file"):
        save(small.database, small.store, tmp_path / "b.tar", utc_now())

    assert (tmp_path / "b.tar").read_bytes() == b"older"


@pytest.mark.parametrize("number", range(1, 9))
def test_full_disk_leaves_no_half_backup(small: Installation, tmp_path: Path, number: int) -> None:
    """Whichever write fails, there is no backup, nothing beside it, and the next one succeeds."""
    folder = tmp_path / "backups"
    folder.mkdir()
    disk = FailingDisk(folder, number, FULL)

    with disk.mounted(), pytest.raises(OSError, match="No space left"):
        save(small.database, small.store, folder / "b.tar", utc_now())

    assert not (folder / "b.tar").exists()
    if not (disk.failed or "").startswith(("unlink", "rmdir")):
        assert list(folder.glob("*.tar*")) == []
    save(small.database, small.store, folder / "b.tar", utc_now())


def test_file_that_is_shorter_than_listed_ends_the_backup(
    small: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that changes while it is copied is a broken disk's; no backup pretends to have it."""
    chunks = FolderStore.chunks
    key = source_key(small.ready)
    monkeypatch.setattr(
        FolderStore,
        "chunks",
        lambda store, asked: iter([b"x"]) if asked == key else chunks(store, asked),
    )

    with pytest.raises(BackupError, match=r"is shorter than it was; run `lift doctor`"):
        save(small.database, small.store, tmp_path / "b.tar", utc_now())

    assert not (tmp_path / "b.tar").exists()


def test_store_that_goes_away_in_a_file_is_not_taken_for_a_short_one(
    small: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it says is what is told: nothing is wrong with the file."""

    def breaks_off() -> Iterator[bytes]:
        yield b"x"
        raise StoreError("the S3 store cannot read")

    monkeypatch.setattr(FolderStore, "chunks", lambda *_: breaks_off())

    with pytest.raises(StoreError, match="the S3 store cannot read"):
        save(small.database, small.store, tmp_path / "b.tar", utc_now())


def test_link_that_somebody_left_is_not_written_through(
    small: Installation, tmp_path: Path
) -> None:
    """In a folder of many users, what is unfinished has a name that nobody can take."""
    theirs = tmp_path / "theirs"
    theirs.touch(mode=0o644)
    (tmp_path / "b.tar.part").symlink_to(theirs)

    save(small.database, small.store, tmp_path / "b.tar", utc_now())

    assert not theirs.read_bytes()
    assert (tmp_path / "b.tar").lstat().st_mode & 0o170777 == 0o100600


def test_database_of_another_version_is_left_to_that_version(tmp_path: Path) -> None:
    """A database without this version's schema cannot be read by its models."""
    with (
        Place.at(tmp_path / "older") as place,
        pytest.raises(BackupError, match="back it up with the version that runs on it"),
    ):
        save(place.database, place.store, tmp_path / "b.tar", utc_now())


def test_memory_stays_flat_for_large_files(
    small: Installation, empty: Place, tmp_path: Path
) -> None:
    """A source of 64 MiB goes out and in by pieces."""
    small.store.put(source_key(small.ready), BytesIO(bytes(_LARGE_BYTES)))
    tracemalloc.start()

    save(small.database, small.store, tmp_path / "b.tar", utc_now())
    empty.restore(tmp_path / "b.tar")

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < _LARGE_BYTES / 4
    assert len(empty.store.read(source_key(small.ready))) == _LARGE_BYTES


def test_row_with_a_path_of_its_own_is_refused(
    small: Installation, empty: Place, tmp_path: Path
) -> None:
    """A backup that somebody has edited cannot make the server read other files of the machine."""
    with small.database.writing() as session:
        session.execute(update(Adapter).values(store_key="../../etc/passwd"))
    save(small.database, small.store, tmp_path / "b.tar", utc_now())

    with pytest.raises(BackupError, match="names files that are not its own"):
        empty.restore(tmp_path / "b.tar")

    assert not any(empty.tables().values())
