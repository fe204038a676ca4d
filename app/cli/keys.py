"""`lift keys`: makes, lists and revokes API keys, in the database itself.

No server has to run, and none has to be asked: whoever may write the database may make keys.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError
from rich.table import Column, Table

from app.cli.console import err, fail, for_tables
from app.cli.environment import read_settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.key_views import KeyWish
    from app.models import ApiKey

app = typer.Typer(help="Make, list and revoke the API keys of a server with LIFT_AUTH=keys.")
Limit = Annotated[int | None, typer.Option(min=1, show_default="the server's")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What people know it by.")],
    owner: Annotated[
        str | None,
        typer.Option(help="Whose documents it sees; by default a new owner of the key's name."),
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(help="read, write or admin; may be repeated; by default read and write."),
    ] = None,
    expires_days: Annotated[
        int | None, typer.Option(min=1, max=3650, show_default="never", help="Days it is good for.")
    ] = None,
    requests_per_minute: Limit = None,
    max_documents: Limit = None,
    max_stored_bytes: Limit = None,
    max_training_minutes: Limit = None,
    max_concurrent_asks: Limit = None,
) -> None:
    """Make a key and print it, once: only its hash is kept."""
    from app import keys
    from app.clock import utc_now

    limits = {
        "requests_per_minute": requests_per_minute,
        "max_documents": max_documents,
        "max_stored_bytes": max_stored_bytes,
        "max_training_minutes": max_training_minutes,
        "max_concurrent_asks": max_concurrent_asks,
    }
    given = {"name": name, "owner": owner, "expires_days": expires_days, "limits": limits}
    wish = _wish(given | ({"scopes": scope} if scope else {}))
    with _database() as session:
        row, secret = keys.create(session, wish, utc_now())
    _say(f"{row.id} is a key of the owner {row.owner}, for {' and '.join(row.scopes)}; keep it:")
    typer.echo(secret)  # alone on stdout, for a script


@app.command("list")
def list_keys() -> None:
    """List all keys: whose they are, what for, and when they were last used."""
    from app import keys

    with _database() as session:
        rows = keys.find_all(session)
    table = Table(
        Column("id", no_wrap=True), "name", "owner", "scopes", "limits", "state", "last used"
    )
    for row in rows:
        table.add_row(*_cells(row))
    for_tables().print(table if rows else "no keys yet: make one with `lift keys create NAME`")


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID", show_default=False)]) -> None:
    """End a key at once."""
    from app import keys
    from app.clock import utc_now

    with _database() as session:
        keys.revoke(session, key_id, utc_now())
    _say(f"{key_id} is revoked")


def _wish(given: dict[str, Any]) -> "KeyWish":
    from app.key_views import KeyWish

    try:
        return KeyWish.model_validate(given)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"] if isinstance(part, str))
        told = problem["msg"].removeprefix("Value error, ")
        raise fail(f"{where}: {told}" if where else told) from error


@contextmanager
def _database() -> Iterator["Session"]:
    from sqlalchemy.exc import SQLAlchemyError

    from app.db import Database
    from app.errors import ApiError

    settings = read_settings()
    if settings.database_url is None and not (settings.data_dir / "lift.db").exists():
        raise fail(
            f"there is no database in {settings.data_dir}: make it with `lift migrate`, or name "
            "its folder in LIFT_DATA_DIR"
        )
    database = Database(settings.resolved_database_url)
    try:
        with database.writing() as session:
            yield session
    except ApiError as error:
        raise fail(error.detail) from error
    except SQLAlchemyError as error:
        raise fail(
            f"the database cannot be used: {str(error).splitlines()[0]}; is its schema the newest "
            "(`lift migrate`)?"
        ) from error
    finally:
        database.dispose()


def _cells(row: "ApiKey") -> tuple[str, ...]:
    limits = ", ".join(f"{name} {limit}" for name, limit in row.limits.items())
    used = f"{row.last_used_at:%Y-%m-%d %H:%M}" if row.last_used_at else "never"
    return row.id, row.name, row.owner, ", ".join(row.scopes), limits or "-", _state(row), used


def _state(row: "ApiKey") -> str:
    from app.clock import utc_now

    if row.revoked_at:
        return f"revoked {row.revoked_at:%Y-%m-%d}"
    if row.expires_at is None:
        return "good"
    word = "expired" if row.expires_at <= utc_now() else "good until"
    return f"{word} {row.expires_at:%Y-%m-%d}"


def _say(sentence: str) -> None:
    err.print(f"lift: {sentence}", markup=False, highlight=False, soft_wrap=True)
