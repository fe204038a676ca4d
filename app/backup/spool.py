"""All rows of one moment, put aside: copying files takes hours, and no transaction should."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from app.backup.errors import BackupError
from app.backup.rows import TABLES, Row, read_rows, to_line
from app.db import Database, known_revisions, revision_of
from app.storage import adapter_key, outline_key, source_key, text_key


class Wanted(NamedTuple):
    """A file that a document keeps in the store."""

    key: str
    sha256: str | None = None
    """What a row says of its content; None if none does."""
    is_required: bool = True
    """Whether it is missed where it is not there."""


class Kept(NamedTuple):
    """The files of a document."""

    document_id: str
    files: list[Wanted]


@dataclass(frozen=True, slots=True)
class Spool:
    """Rows in a folder, a file for each table."""

    folder: Path
    revision: str
    base_models: list[str]

    def path(self, table: str) -> Path:
        """Return the file of a table."""
        return self.folder / f"{table}.jsonl"

    def rows(self, table: str) -> Iterator[Row]:
        """Give a table's rows as JSON has them."""
        with self.path(table).open(encoding="utf-8") as file:
            yield from map(json.loads, file)

    def documents(self) -> Iterator[Kept]:
        """Give what each document keeps in the store."""
        adapters = self.rows("adapters")
        next_one = next(adapters, None)
        for document in self.rows("documents"):
            own: str = document["id"]
            files = [Wanted(source_key(own), document["sha256"])]
            if document["num_characters"] is not None:
                files += [Wanted(text_key(own)), Wanted(outline_key(own), is_required=False)]
            while next_one and next_one["document_id"] == own:
                sha256 = next_one["sha256"]
                files.append(Wanted(adapter_key(own, sha256), sha256))
                next_one = next(adapters, None)
            yield Kept(own, files)

    def leave_out(self, document_ids: set[str]) -> None:
        """Take the rows of documents away that were deleted by now."""
        gone = document_ids | {
            row["id"] for row in self.rows("jobs") if row["document_id"] in document_ids
        }
        for table in TABLES:
            kept = self.folder / "kept"
            with kept.open("w", encoding="utf-8") as file:
                for row in self.rows(table.name):
                    if gone.isdisjoint([row.get(name) for name in ("id", "document_id", "job_id")]):
                        file.write(to_line(row))
            kept.replace(self.path(table.name))


def spool_rows(database: Database, folder: Path, told: Callable[[int], object]) -> Spool:
    """Write all rows of this moment into a folder; `told` hears how many there are so far.

    Raises:
        BackupError: the database's schema is not this version's.
    """
    num_rows, base_models = 0, set[str]()
    with database.unchanging() as connection:
        revision = revision_of(connection)
        if revision is None or revision != known_revisions()[0]:
            raise BackupError(
                "the database has not the schema of this version of LIFT Server: back it up with "
                "the version that runs on it, or bring it up to date with `lift migrate`"
            )
        spool = Spool(folder, revision, [])
        for table in TABLES:
            with spool.path(table.name).open("w", encoding="utf-8") as file:
                for row in read_rows(connection, table):
                    file.write(to_line(row))
                    num_rows += 1
                    told(num_rows)
                    if table.name == "adapters":
                        base_models.add(str(row["metadata"].get("base_model", "unknown")))
    spool.base_models.extend(sorted(base_models))
    return spool
