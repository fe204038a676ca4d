"""Runs the migrations, on a connection that `app.db.migrate` hands over or on one of its own."""

from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection, text

from app.db import connect
from app.models import Base, UtcDateTime
from app.settings import Settings

# Any fixed number: whoever holds it is the one process that migrates.
_POSTGRESQL_LOCK = 7_461_702_644


def _run(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        # A table is changed by copying and dropping it: what refers to it must not go along. This
        # has to be said before the transaction begins.
        connection.connection.cursor().execute("PRAGMA foreign_keys=OFF")
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,  # SQLite changes a table by copying it
        transactional_ddl=True,  # one transaction from the look at what is done to the last step
        render_item=_render_item,
    )
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_POSTGRESQL_LOCK})"))
        context.run_migrations()
    if connection.dialect.name == "sqlite":
        connection.connection.cursor().execute("PRAGMA foreign_keys=ON")


def _render_item(kind: str, item: Any, _: object) -> str | Literal[False]:
    # A migration stays as it was written when the model's types change.
    is_moment = kind == "type" and isinstance(item, UtcDateTime)
    return "sa.DateTime(timezone=True)" if is_moment else False


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    with connect(Settings().resolved_database_url).connect() as own:
        _run(own)
