"""Puts a backup into an empty installation: first the files, then all rows in one transaction.

A restore that is killed leaves an empty database; the next one writes over the files it left.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from app.backup.archive import damage_told
from app.backup.checking import Backup, check
from app.backup.errors import BackupError
from app.backup.form import READER, ROWS, STORE, Entry
from app.backup.rows import (
    find_rows,
    go_on_counting,
    keep_others_out,
    read_schema,
    write_rows,
)
from app.db import connect, known_revisions, make_schema, migrate, revision_of
from app.lift.files import appearing_whole
from app.storage import Store
from app.storage.incoming import write_all
from app.storage.keys import DOCUMENTS

Told = Callable[[str, int, int | None], object]


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back."""

    created_at: str
    """Moment of the backup."""
    base_models: list[str]
    """Those that its adapters were trained for."""
    num_files: int
    num_bytes: int
    reader: Path | None
    """Where the backup's reader lies now, if it had one."""


def restore(
    path: Path, database_url: str, store: Store, data_dir: Path, told: Told = lambda *_: None
) -> Restored:
    """Put a backup into an empty database and an empty store.

    Raises:
        BackupError: the file is no good, or database or store are not empty.
        OSError: the backup cannot be read, or the store not be written.
        SQLAlchemyError: the database cannot be used.
    """
    with damage_told(), tempfile.TemporaryDirectory(prefix="restore-", dir=data_dir) as folder:
        size_bytes = path.stat().st_size
        backup = check(path, Path(folder), lambda done: told("check", done, size_bytes))
        _require_no_rows(database_url)
        _require_no_other_files(store, backup)
        _copy_files(backup, store, told)
        reader = _copy_reader(backup, data_dir)
        _write_database(backup, database_url, told)
    end = backup.end
    return Restored(
        backup.head.created_at, backup.head.base_models, end.num_files, end.num_bytes, reader
    )


def _require_no_rows(url: str) -> None:
    engine = connect(url)
    try:
        with engine.connect() as connection:
            _refuse_rows(find_rows(connection))
    finally:
        engine.dispose()


def _refuse_rows(table: str | None) -> None:
    if table:
        raise BackupError(
            f"the database is not empty (its table {table} has rows), and nothing was changed in "
            "it: restore into a new database, or a new LIFT_DATA_DIR"
        )


def _require_no_other_files(store: Store, backup: Backup) -> None:
    others = {found.key for found in store.list(DOCUMENTS)}
    if others:
        others -= {entry.store_key for entry in backup.entries()}
    if others:
        raise BackupError(
            f"the store is not empty (it has {min(others)}), and nothing was changed in it: "
            "restore into a new LIFT_STORE_URL, or a new LIFT_DATA_DIR"
        )


def _copy_files(backup: Backup, store: Store, told: Told) -> None:
    num_bytes = 0
    for entry, content in backup.members(STORE):
        stored = store.put(entry.store_key, cast("BinaryIO", content))
        _require_same(entry, stored.sha256)
        num_bytes += entry.size_bytes
        told("files", num_bytes, backup.end.num_bytes)


def _copy_reader(backup: Backup, data_dir: Path) -> Path | None:
    for entry, content in backup.members(READER):
        path = data_dir / "readers" / f"{entry.sha256}.safetensors"
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with appearing_whole(path) as unfinished:
            _require_same(entry, write_all(cast("BinaryIO", content), unfinished).sha256)
        return path
    return None


def _require_same(entry: Entry, sha256: str) -> None:
    if sha256 != entry.sha256:
        raise BackupError(f"{entry.name} has changed since it was checked")


def _write_database(backup: Backup, url: str, told: Told) -> None:
    """The rows are of the schema that they were saved with; it is brought up to date with them."""
    engine = connect(url)
    try:
        with engine.connect() as connection:
            _refuse_rows(find_rows(connection))
            revision = _require_known(revision_of(connection))
        if revision != backup.head.schema_revision:
            make_schema(url, backup.head.schema_revision)
        with engine.begin() as connection:
            schema = read_schema(connection)
            keep_others_out(connection, schema)
            _refuse_rows(find_rows(connection))
            num_rows = 0
            for entry, lines in backup.members(ROWS):
                name = entry.name.removeprefix(ROWS).removesuffix(".jsonl")
                if name not in schema.tables:
                    raise BackupError(f"its database has no table {name}")
                num_rows += write_rows(connection, schema.tables[name], lines)
                told("rows", num_rows, None)
            go_on_counting(connection)
    finally:
        engine.dispose()
    migrate(url)


def _require_known(revision: str | None) -> str | None:
    if revision is None or revision in known_revisions():
        return revision
    raise BackupError(
        "the database that it should go into has the schema of a newer version of LIFT Server: "
        "restore into a new database"
    )
