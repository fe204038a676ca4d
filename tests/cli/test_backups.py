"""`lift backup` and `lift restore`: what they say, and how they end."""

import os
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli.main import app
from app.embedded.data_folder import owned
from app.storage import source_key, text_key
from app.storage.folder import FolderStore
from tests.app.doctor.installation import Installation


@pytest.fixture
def backup(installation: Installation, tmp_path: Path) -> Path:
    """A backup of it."""
    path = tmp_path / "b.tar"
    assert lift("backup", str(path)).exit_code == 0
    return path


def lift(*arguments: str, **settings: str) -> Result:
    return CliRunner(env=settings).invoke(app, list(arguments))


def test_backup_into_a_folder_is_named_after_the_moment(
    installation: Installation, tmp_path: Path
) -> None:
    """One file; what it holds is said in one line."""
    folder = tmp_path / "backups"
    folder.mkdir()

    result = lift("backup", str(folder))

    (path,) = folder.iterdir()
    assert result.exit_code == 0
    assert re.fullmatch(r"lift-\d{4}-\d\d-\d\dT\d{6}Z\.tar", path.name)
    assert f"{path}: 3 documents, 15 files, 0.0 MiB" in result.stdout


def test_restore_ends_with_what_the_doctor_says(backup: Path, tmp_path: Path) -> None:
    """The files of the rows are counted and hashed once more."""
    result = lift("restore", str(backup), "--data-dir", str(tmp_path / "new"))

    assert result.exit_code == 0
    assert "15 files, 0.0 MiB" in result.stdout
    assert "6 files with a row" in result.stdout
    assert "findings: 0" in result.stdout
    assert lift("doctor", "--data-dir", str(tmp_path / "new")).exit_code == 0


def test_file_that_is_missing_from_the_store_is_told(
    installation: Installation, tmp_path: Path
) -> None:
    """There is a backup, and status 1; so it is with the restore of it."""
    installation.store.delete(text_key(installation.ready))

    made = lift("backup", str(tmp_path / "b.tar"))
    restored = lift("restore", str(tmp_path / "b.tar"), "--data-dir", str(tmp_path / "new"))

    assert made.exit_code == restored.exit_code == 1
    told = f"1 files are missing from the store, such as {text_key(installation.ready)}"
    assert told in made.stderr
    assert "findings: 1" in restored.stdout


def test_file_that_is_damaged_is_told(installation: Installation, tmp_path: Path) -> None:
    """There is a backup, and status 1."""
    installation.overwrite(installation.adapter, b"?")

    result = lift("backup", str(tmp_path / "b.tar"))

    assert result.exit_code == 1
    assert f"1 files of the store are damaged, such as {installation.adapter}" in result.stderr
    assert (tmp_path / "b.tar").exists()


def test_other_base_model_is_warned_of(backup: Path, tmp_path: Path) -> None:
    """It may be the same model under another name, so it is no error."""
    result = lift(
        "restore", str(backup), "--data-dir", str(tmp_path / "new"), LIFT_MODEL="org/another"
    )

    assert result.exit_code == 0
    assert "its memories were trained for unknown, and LIFT_MODEL is org/another" in result.stderr


def test_reader_is_named_after_a_restore(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LIFT_READER has to be set by whoever restores: no setting is part of a backup."""
    reader = tmp_path / "our.safetensors"
    reader.write_bytes(b"x")
    monkeypatch.setenv("LIFT_READER", str(reader))
    lift("backup", str(tmp_path / "b.tar"))

    result = lift("restore", str(tmp_path / "b.tar"), "--data-dir", str(tmp_path / "new"))

    assert f"its reader is {tmp_path / 'new' / 'readers'}" in result.stdout
    assert "set LIFT_READER to it" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "settings", "told"),
    [
        (["nowhere/b.tar"], {}, "there is no folder nowhere: make it, or name another"),
        (["{}/lift.db"], {}, "lift.db exists: name another file, or a folder"),
        (["{}/x"], {"LIFT_DATA_DIR": "/nonexistent"}, "there is no database in /nonexistent"),
        (["{}/x"], {"LIFT_READER": "/no/reader"}, "LIFT_READER names /no/reader, which is no file"),
        (["{}/x"], {"LIFT_STORE_URL": "ftp://host/x"}, "s3://bucket/prefix"),
        (["{}/x"], {"LIFT_DATABASE_URL": "sqlite://"}, "has not the schema of this version"),
    ],
)
def test_what_cannot_be_backed_up_is_told_in_one_line(
    installation: Installation,
    tmp_path: Path,
    arguments: list[str],
    settings: dict[str, str],
    told: str,
) -> None:
    """And nothing is left of it."""
    before = set(os.listdir(tmp_path))

    result = lift("backup", *(word.format(tmp_path) for word in arguments), **settings)

    assert result.exit_code == 1
    assert told in result.stderr
    assert result.stderr.count("\n") == 1
    assert set(os.listdir(tmp_path)) == before


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("none.tar", "there is no file"),
        ("lift.db", "lift.db: it is no backup: `lift backup` makes them"),
        ("b.tar", "b.tar: the database is not empty (its table documents has rows)"),
    ],
)
def test_what_cannot_be_restored_is_told_in_one_line(
    backup: Path, tmp_path: Path, name: str, told: str
) -> None:
    """Into the installation that was backed up, for example."""
    result = lift("restore", str(tmp_path / name))

    assert result.exit_code == 1
    assert told in result.stderr
    assert result.stderr.count("\n") == 1


def test_restore_under_a_running_server_is_refused(backup: Path, tmp_path: Path) -> None:
    """It would find rows that it has not made."""
    with owned(tmp_path / "new"):
        result = lift("restore", str(backup), "--data-dir", str(tmp_path / "new"))

    assert result.exit_code == 1
    assert "another lift serve is using" in result.stderr


def test_store_that_cannot_be_written_is_told(backup: Path, tmp_path: Path) -> None:
    """With what to do next, which then succeeds."""
    (tmp_path / "file").write_bytes(b"")
    command = ["restore", str(backup), "--data-dir", str(tmp_path / "new")]

    result = lift(*command, LIFT_STORE_URL=f"file://{tmp_path}/file/store")
    again = lift(*command)

    assert result.exit_code == 1
    assert "the database is empty as before: restore again" in result.stderr
    assert again.exit_code == 0


def test_interrupt_behind_the_restore_says_that_all_is_there(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the doctor reads; another restore would be refused."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("app.cli.backups.show_health", interrupt)

    result = lift("restore", str(backup), "--data-dir", str(tmp_path / "new"))

    assert result.exit_code == 130
    assert "the backup is restored; `lift doctor` looks" in result.stderr
    assert "empty" not in result.stderr


def test_source_in_the_backup_is_the_document(
    backup: Path, installation: Installation, tmp_path: Path
) -> None:
    """The bytes that were uploaded."""
    lift("restore", str(backup), "--data-dir", str(tmp_path / "new"))

    new = FolderStore(tmp_path / "new" / "store")
    key = source_key(installation.waiting)
    assert new.read(key) == installation.store.read(key)
