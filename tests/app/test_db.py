"""Transactions, hooks, URLs and migrations, on both databases."""

import traceback
from importlib.resources import files
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import inspect, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError

from app.db import Database, after_commit, after_rollback, connect, migrate
from app.models import Base, Document
from tests.rows import add_document


def test_models_and_migrations_agree(database: Database) -> None:
    """The migrated schema is the one that the models describe."""
    with database.engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)

    assert differences == []


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_migrations_go_up_and_down(kind: str, tmp_path: Path, postgres_url: str) -> None:
    """Going down removes all tables, and going up again works."""
    url = f"sqlite:///{tmp_path / 'lift.db'}" if kind == "sqlite" else _new_database(postgres_url)
    migrate(url)
    engine = connect(url)
    with engine.connect() as connection:
        _downgrade(connection)
        connection.rollback()
        tables_below = inspect(connection).get_table_names()
    migrate(url)
    tables_above = inspect(engine).get_table_names()
    engine.dispose()

    assert tables_below == ["alembic_version"]
    assert set(Base.metadata.tables) <= set(tables_above)


def test_migrating_twice_changes_nothing(sqlite: Database) -> None:
    """A database with the newest schema stays as it is."""
    with sqlite.writing() as session:
        document = add_document(session)

    migrate(str(sqlite.engine.url))

    with sqlite.reading() as session:
        assert session.scalars(select(Document.id)).all() == [document.id]


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_urls_use_psycopg(scheme: str) -> None:
    """The URLs that hosting providers hand out work as they are."""
    engine = connect(f"{scheme}://user:secret@host/name")

    assert engine.url.drivername == "postgresql+psycopg"
    assert engine.url.password == "secret"


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("foreign_keys", 1), ("synchronous", 2), ("busy_timeout", 30000)],
)
def test_sqlite_is_set_up_for_durability_and_sharing(
    sqlite: Database, pragma: str, value: object
) -> None:
    """Every connection has the pragmas that the promises rest on."""
    with sqlite.reading() as session:
        assert session.execute(text(f"PRAGMA {pragma}")).scalar_one() == value


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("lock_timeout", "30s"),
        ("idle_in_transaction_session_timeout", "1min"),
        ("tcp_keepalives_idle", "0"),  # shown as 0 on a Unix socket, which needs none
    ],
)
def test_nobody_holds_a_row_of_postgresql_for_ever(
    postgresql: Database, setting: str, value: str
) -> None:
    """The server gives up who is frozen or cut off, in the reading transactions, too."""
    with postgresql.writing() as writer, postgresql.reading() as reader:
        shown = {session.scalar(text(f"SHOW {setting}")) for session in (writer, reader)}

    assert shown == {value}


def test_wait_for_a_row_ends_as_if_the_database_were_away(postgresql: Database) -> None:
    """Who waits in vain gets the error that all who write know to try again at."""
    with postgresql.writing() as session:
        add_document(session)
    holding = update(Document).values(title="held")
    with postgresql.writing() as holder, postgresql.reading() as waiter:
        holder.execute(holding)
        waiter.execute(text("SET LOCAL lock_timeout = '50ms'"))
        with pytest.raises(OperationalError):
            waiter.execute(holding)


def test_reader_does_not_wait_for_a_writer(sqlite: Database) -> None:
    """A snapshot is read while a write transaction is open."""
    with sqlite.writing() as writer:
        add_document(writer)
        with sqlite.reading() as reader:
            assert reader.scalars(select(Document.id)).all() == []


def test_hook_runs_after_the_commit(database: Database) -> None:
    """A hook sees what its transaction wrote, and may write itself."""
    seen: list[str] = []

    def look() -> None:
        with database.writing() as session:
            seen.extend(session.scalars(select(Document.id)))

    with database.writing() as session:
        document = add_document(session)
        after_commit(session, look)

    assert seen == [document.id]


def test_hook_of_a_rolled_back_transaction_never_runs(database: Database) -> None:
    """What was not committed is not told."""
    told: list[str] = []

    with pytest.raises(ZeroDivisionError):
        _hook_and_fail(database, told)

    assert told == []


def test_failing_hook_is_logged_and_harms_nobody(
    database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    """What was committed is no failure, and the other hooks run."""
    told: list[str] = []

    with database.writing() as session:
        document = add_document(session)
        after_commit(session, lambda: 1 / 0)
        after_commit(session, lambda: told.append("told"))

    with database.reading() as session:
        assert session.scalars(select(Document.id)).all() == [document.id]
    assert told == ["told"]
    assert "ZeroDivisionError" in "".join(capfd.readouterr())


def test_rollback_hook_runs_when_the_commit_fails(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that cannot commit has not taken anything in."""
    told: list[str] = []
    monkeypatch.setattr(database.engine.dialect, "do_commit", _refuse)

    with pytest.raises(ConnectionError):
        _write_with_hooks(database, told)

    assert told == ["rolled back"]


def test_rollback_hook_of_a_committed_transaction_never_runs(database: Database) -> None:
    """What was committed is kept."""
    told: list[str] = []

    with database.writing() as session:
        after_rollback(session, lambda: told.append("rolled back"))

    assert told == []


def _write_with_hooks(database: Database, told: list[str]) -> None:
    with database.writing() as session:
        add_document(session)
        after_commit(session, lambda: told.append("committed"))
        after_rollback(session, lambda: told.append("rolled back"))


def _refuse(_: object) -> None:
    raise ConnectionError


def _hook_and_fail(database: Database, told: list[str]) -> None:
    with database.writing() as session:
        after_commit(session, lambda: told.append("told"))
        raise ZeroDivisionError


def _new_database(url: str) -> str:
    engine = connect(url).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS up_and_down"))
        connection.execute(text("CREATE DATABASE up_and_down"))
    engine.dispose()
    return url.replace("/postgres?", "/up_and_down?")


def _downgrade(connection: object) -> None:
    config = Config()
    config.set_main_option("script_location", str(files("migrations")))
    config.attributes["connection"] = connection
    command.downgrade(config, "base")


def test_errors_hold_no_row_contents(database: Database) -> None:
    """What a constraint's error says may be logged: the row's text is not in it."""
    with database.writing() as session:
        document = add_document(session)
    values = update(Document).where(Document.id == document.id).values(title="SECRET", sha256=None)
    with pytest.raises(IntegrityError) as caught, database.writing() as session:
        session.execute(values)
    told = "".join(traceback.format_exception(caught.value))

    assert "SECRET" not in told
    assert "null" in str(caught.value.orig).lower()


def test_unchanging_look_sees_nothing_that_comes_later(database: Database) -> None:
    """All looks of one block are at one moment, whatever others commit meanwhile."""
    with database.unchanging() as connection:
        before = connection.execute(select(Document.id)).all()
        with database.writing() as session:
            add_document(session)
        after = connection.execute(select(Document.id)).all()
    with database.unchanging() as connection:
        later = connection.execute(select(Document.id)).all()

    assert before == after == []
    assert len(later) == 1
