"""Where a backup is restored to, and what is there then."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from sqlalchemy import inspect, select

from app.backup.restoring import Restored, restore
from app.backup.rows import TABLES
from app.db import Database
from app.storage import Store
from app.storage.folder import FolderStore

Tables = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Place:
    """A database and a store without anything, and a folder for the rest."""

    database: Database
    store: Store
    data_dir: Path

    @classmethod
    @contextmanager
    def at(cls, folder: Path, url: str | None = None, store: Store | None = None) -> Iterator[Self]:
        """Make one, with SQLite in its folder unless another database is named."""
        folder.mkdir()
        database = Database(url or f"sqlite:///{folder / 'lift.db'}")
        yield cls(database, store or FolderStore(folder / "store"), folder)
        database.dispose()

    @property
    def url(self) -> str:
        return self.database.engine.url.render_as_string(hide_password=False)

    def restore(self, path: Path) -> Restored:
        return restore(path, self.url, self.store, self.data_dir)

    def tables(self) -> Tables:
        return tables(self.database)

    def is_untouched(self) -> bool:
        """Say whether there is neither a table nor a file."""
        return not inspect(self.database.engine).get_table_names() and not files(self.store)


def tables(database: Database) -> Tables:
    """Return all rows by table."""
    with database.reading() as session:
        return {
            table.name: [
                dict(row)
                for row in session.execute(select(table).order_by(*table.primary_key)).mappings()
            ]
            for table in TABLES
        }


def files(store: Store) -> dict[str, bytes]:
    """Return all files of documents."""
    return {found.key: store.read(found.key) for found in store.list("documents")}
