"""The database's rows as JSON lines, which SQLite and PostgreSQL give and take alike.

What an attempt under way holds is left out: a job that ran comes back as one that waits, and begins
again behind its question/answer pairs.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any, Final

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Date,
    DateTime,
    MetaData,
    Select,
    Table,
    false,
    func,
    insert,
    inspect,
    select,
    text,
)

from app.backup.errors import BackupError
from app.backup.form import is_stored
from app.models import Base, Event, IdempotencyKey, JobState
from app.storage import adapter_key, source_key

Row = dict[str, Any]
TABLES: Final = tuple(Base.metadata.sorted_tables)
"""Those that others refer to come first."""
_AT_ONCE = 500
_NOT_UNDER_WAY = (
    *("stage", "completed", "total", "unit", "stage_started_at", "stage_start"),
    *("lease_token", "lease_expires_at", "dispatched_at"),
)


def read_rows(connection: Connection, table: Table) -> Iterator[Row]:
    """Give a table's rows, documents' own in the order of the documents."""
    for row in connection.execute(_wanted(table).execution_options(yield_per=_AT_ONCE)).mappings():
        values = dict(row)
        yield _at_rest(values) if table.name == "jobs" else values


def to_line(row: Row) -> str:
    """Return a row as one line of JSON."""
    return json.dumps(row, default=_portable) + "\n"


def find_rows(connection: Connection) -> str | None:
    """Return a table that has rows, if there is one."""
    there = set(inspect(connection).get_table_names())
    for table in TABLES:
        one = select(text("1")).select_from(table).limit(1)
        if table.name in there and connection.scalar(one) is not None:
            return table.name
    return None


def keep_others_out(connection: Connection, schema: MetaData) -> None:
    """Let nobody else write until the transaction ends; on SQLite, nobody can."""
    if connection.dialect.name == "postgresql":
        names = ", ".join(table.name for table in TABLES if table.name in schema.tables)
        connection.execute(text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))


def read_schema(connection: Connection) -> MetaData:
    """Return our tables as the database has them, which may be older than the models."""
    schema = MetaData()
    schema.reflect(connection, only=lambda name, _: name != "alembic_version")
    for table in schema.tables.values():
        for column in table.columns:
            if isinstance(column.type, JSON):
                column.type = JSON(none_as_null=True)
    return schema


def write_rows(connection: Connection, table: Table, lines: Iterable[bytes]) -> int:
    """Add rows to a table; returns how many.

    Raises:
        BackupError: they are no rows of this table, or name files that no backup holds.
    """
    rows, num_rows = (_read(table, line) for line in lines), 0
    try:
        while batch := list(islice(rows, _AT_ONCE)):
            connection.execute(insert(table), batch)
            num_rows += len(batch)
    except (ValueError, TypeError, AttributeError, KeyError, OverflowError) as error:
        raise BackupError(f"its rows of the table {table.name} are not of its schema") from error
    return num_rows


def go_on_counting(connection: Connection) -> None:
    """Let new events get ids behind those that were added; SQLite does so by itself."""
    if connection.dialect.name == "postgresql":
        sequence = func.pg_get_serial_sequence(Event.__tablename__, "id")
        following = func.coalesce(func.max(Event.id) + 1, 1)
        connection.execute(select(func.setval(sequence, following, false())))


def _wanted(table: Table) -> Select[Any]:
    order = [column for column in (table.c.get("document_id"),) if column is not None]
    rows = select(table).order_by(*order, *table.primary_key)
    if table.name == IdempotencyKey.__tablename__:
        return rows.where(table.c.status.is_not(None))  # the others are being answered
    return rows


def _at_rest(job: Row) -> Row:
    job["checkpoint_key"] = None
    if job["state"] in (JobState.QUEUED, JobState.RUNNING):
        job |= dict.fromkeys(_NOT_UNDER_WAY) | {"state": JobState.QUEUED}
    return job


def _portable(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    assert isinstance(value, date)
    return value.isoformat()


def _read(table: Table, line: bytes) -> Row:
    told = json.loads(line)
    row = {name: _value(table.columns[name], value) for name, value in told.items()}
    if not _names_own_files(table.name, row):
        raise BackupError(f"a row of its table {table.name} names files that are not its own")
    return row


def _value(column: Column[Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(column.type, DateTime):
        return datetime.fromisoformat(value)
    return date.fromisoformat(value) if isinstance(column.type, Date) else value


def _names_own_files(table: str, row: Row) -> bool:
    """A row's words become paths: they are believed only if the service itself could say them."""
    if table == "documents":
        return is_stored(source_key(row["id"]))
    if table == "adapters":
        key = adapter_key(row["document_id"], row["sha256"])
        return is_stored(key) and bool(row["store_key"] == key)
    return row.get("checkpoint_key") is None
