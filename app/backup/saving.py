"""Makes a backup while the server runs: the rows of one moment, then the files that they name.

A file never changes once it is there, and goes only with its document: where one is missing, the
document is looked for again, and is left out if it was deleted meanwhile.
"""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import TextIO

from app.backup.archive import ArchiveWriter
from app.backup.errors import BackupError
from app.backup.form import (
    FORMAT,
    HEAD,
    MANIFEST,
    READER,
    ROWS,
    STORE,
    SUM,
    End,
    Entry,
    Head,
)
from app.backup.rows import TABLES
from app.backup.spool import Kept, Spool, Wanted, spool_rows
from app.db import Database
from app.lift.files import file_sha256, sync
from app.models import Document
from app.storage import Store
from app.storage.keys import document_prefix

Told = Callable[[str, int, int | None], object]
"""Hears what is done, how much of it, and out of how much, if that is known."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What a backup holds."""

    num_documents: int
    num_files: int
    num_bytes: int
    missing: list[str]
    """Keys of files that rows name and the store has not."""
    damaged: list[str]
    """Keys of files that are not what their rows say; they are in the backup as they are."""
    left_out: list[str]
    """Documents that were deleted meanwhile."""


def save(
    database: Database,
    store: Store,
    target: Path,
    now: datetime,
    *,
    reader: Path | None = None,
    told: Told = lambda *_: None,
) -> Saved:
    """Write a backup to `target`, whole or not at all.

    Raises:
        BackupError: there is such a file, or the database is of another version.
        OSError: the store cannot be read, or the backup not be written.
    """
    if target.exists():
        raise BackupError(f"{target} exists: name another file, or a folder")
    with tempfile.TemporaryDirectory(prefix=".lift-backup-", dir=target.parent) as name:
        folder = Path(name)  # nobody else's: what is unfinished cannot be another's file or link
        unfinished = folder / "unfinished.tar"
        spool = spool_rows(database, folder, lambda count: told("rows", count, None))
        head = Head(
            FORMAT, version("lift-server"), spool.revision, now.isoformat(), spool.base_models
        )
        unfinished.touch(mode=0o600)
        with unfinished.open("wb") as file, (folder / MANIFEST).open("w") as manifest:
            archive = ArchiveWriter(file, now.timestamp())
            saved = _Copying(database, store, spool, archive, manifest, told).run(head, reader)
        sync(unfinished)
        os.replace(unfinished, target)
    sync(target.parent)
    return saved


@dataclass
class _Copying:
    database: Database
    store: Store
    spool: Spool
    archive: ArchiveWriter
    manifest: TextIO
    told: Told
    missing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    left_out: set[str] = field(default_factory=set)
    num_documents: int = 0
    num_files: int = 0
    num_bytes: int = 0

    def run(self, head: Head, reader: Path | None) -> Saved:
        """Write all members."""
        self.archive.add_bytes(HEAD, head.to_json().encode())
        self.manifest.write(head.to_json() + "\n")
        for document in self.spool.documents():
            self._add_document(document)
        if reader:
            self._note(self.archive.add_file(READER, reader))
        if self.left_out:
            self.spool.leave_out(self.left_out)
        for table in TABLES:
            path = self.spool.path(table.name)
            self._note(self.archive.add_file(f"{ROWS}{path.name}", path))
        self._seal()
        return Saved(
            self.num_documents,
            self.num_files,
            self.num_bytes,
            self.missing,
            self.damaged,
            sorted(self.left_out),
        )

    def _add_document(self, document: Kept) -> None:
        sizes = {
            found.key: found.size_bytes
            for found in self.store.list(document_prefix(document.document_id))
        }
        for wanted in document.files:
            try:
                self._add_file(wanted, sizes)
            except FileNotFoundError:
                if not self._is_there(document.document_id):
                    self.left_out.add(document.document_id)
                    return
                if wanted.is_required:
                    self.missing.append(wanted.key)
        self.num_documents += 1

    def _add_file(self, wanted: Wanted, sizes: dict[str, int]) -> None:
        key, sha256, _ = wanted
        if key not in sizes:
            raise FileNotFoundError(key)
        entry = self.archive.add(f"{STORE}{key}", sizes[key], self.store.chunks(key))
        self._note(entry)
        if sha256 and entry.sha256 != sha256:
            self.damaged.append(key)

    def _is_there(self, document_id: str) -> bool:
        with self.database.reading() as session:
            return session.get(Document, document_id) is not None

    def _note(self, entry: Entry) -> None:
        self.manifest.write(entry.to_json() + "\n")
        self.num_files += 1
        self.num_bytes += entry.size_bytes
        self.told("files", self.num_bytes, None)

    def _seal(self) -> None:
        end = End(self.num_files, self.num_bytes, sorted(self.left_out))
        self.manifest.write(end.to_json() + "\n")
        self.manifest.flush()
        path = Path(self.manifest.name)
        self.archive.add_file(MANIFEST, path)
        self.archive.add_bytes(SUM, file_sha256(path).encode())
        self.archive.close()
