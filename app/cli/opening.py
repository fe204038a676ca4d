"""Database and store, as the settings name them, for commands that need no server."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.cli.console import fail
from app.settings import Settings

if TYPE_CHECKING:
    from app.db import Database
    from app.storage import Store


@contextmanager
def opened(settings: Settings) -> Iterator[tuple["Database", "Store"]]:
    """Open both; the database has to be there."""
    from app.db import Database
    from app.storage import open_store

    if settings.database_url is None and not (settings.data_dir / "lift.db").exists():
        raise fail(f"there is no database in {settings.data_dir}: name its folder in LIFT_DATA_DIR")
    store = open_store(settings)
    database = Database(settings.resolved_database_url)
    try:
        yield database, store
    finally:
        database.dispose()
