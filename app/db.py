"""The database: URL, transactions, migrations. Knows SQLite and PostgreSQL, and no table."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import Any

import psycopg
import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.orm import Session

_COMMIT_HOOKS, _ROLLBACK_HOOKS = "after_commit", "after_rollback"
_BEGIN = "sqlite_begin"
_GIVE_UP = {  # of libpq; seconds, but for the last
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
_log = structlog.get_logger()


class Database:
    """One database as this process uses it. Safe to share between threads."""

    def __init__(self, url: str) -> None:
        self.engine = connect(url)
        if self.engine.dialect.name == "postgresql":
            event.listen(self.engine, "connect", _limit_waits)
        self._reading = self.engine.execution_options(**{_BEGIN: "BEGIN"})
        is_sqlite = self.engine.dialect.name == "sqlite"
        self._unchanging = (
            self._reading
            if is_sqlite
            else self.engine.execution_options(isolation_level="REPEATABLE READ")
        )

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One transaction: committed at the end, rolled back by an exception.

        What `after_commit` or `after_rollback` was given runs when that is done and the connection
        is back in the pool, so a hook may open a transaction of its own. A hook that fails is
        logged: it changes neither what was committed nor what the other hooks do.
        """
        session = Session(self.engine, expire_on_commit=False)
        try:
            with session, session.begin():
                yield session
        except BaseException:
            _run_hooks(session, _ROLLBACK_HOOKS)
            raise
        _run_hooks(session, _COMMIT_HOOKS)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One snapshot that waits for no writer."""
        with Session(self._reading, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def unchanging(self) -> Iterator[Connection]:
        """All tables as they are at the first look, however many looks follow."""
        with self._unchanging.connect() as connection:
            yield connection

    def dispose(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def after_commit(session: Session, hook: Callable[[], object]) -> None:
    """Run `hook` once the transaction of `session` is committed; never if it is rolled back."""
    session.info.setdefault(_COMMIT_HOOKS, []).append(hook)


def after_rollback(session: Session, hook: Callable[[], object]) -> None:
    """Run `hook` once the transaction of `session` is undone, or its commit has failed."""
    session.info.setdefault(_ROLLBACK_HOOKS, []).append(hook)


def migrate(url: str) -> None:
    """Bring the database to the newest schema. Several processes may call it at once."""
    _run_migrations(url, lambda config: command.upgrade(config, "head"))


def make_schema(url: str, revision: str) -> None:
    """Give a database without rows, or without tables, the schema of a revision that is known."""
    _run_migrations(url, lambda config: command.downgrade(config, "base"))
    _run_migrations(url, lambda config: command.upgrade(config, revision))


def revision_of(connection: Connection) -> str | None:
    """Return the newest migration that a database has had; None if it has had none."""
    return MigrationContext.configure(connection).get_current_revision()


@cache
def known_revisions() -> tuple[str, ...]:
    """Return all migrations, the newest first."""
    scripts = ScriptDirectory.from_config(_config())
    return tuple(found.revision for found in scripts.walk_revisions())


def connect(url: str) -> Engine:
    """Return an engine for a SQLite or PostgreSQL URL.

    Parameters and rows are hidden in errors: they hold titles and question/answer pairs.
    """
    parsed = make_url(url)
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    engine = create_engine(
        parsed, pool_pre_ping=True, hide_parameters=True, connect_args=_reachability(parsed)
    )
    if parsed.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "handle_error", _drop_row_contents)
    return engine


def _run_migrations(url: str, run: Callable[[Config], None]) -> None:
    engine = connect(url)
    try:
        with engine.connect() as connection:
            config = _config()
            config.attributes["connection"] = connection
            run(config)
    finally:
        engine.dispose()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("migrations")))
    return config


def _run_hooks(session: Session, hooks: str) -> None:
    for hook in session.info.get(hooks, ()):
        try:
            hook()
        except Exception as error:
            # The transaction's edge: its outcome stands, whatever becomes of what follows it.
            _log.exception("hook_failed", hooks=hooks, error=type(error).__name__)


def _drop_row_contents(context: ExceptionContext) -> None:
    # PostgreSQL quotes the whole row in the detail of a constraint's error.
    original, wrapped = context.original_exception, context.sqlalchemy_exception
    if isinstance(original, psycopg.Error) and original.diag.message_primary:
        full, short = str(original), original.diag.message_primary
        original.args = (short,)
        if wrapped:
            wrapped.args = (str(wrapped.args[0]).replace(full, short), *wrapped.args[1:])


def _reachability(url: URL) -> dict[str, Any]:
    """Return how soon a server that has fallen silent is given up; what the URL says goes first."""
    if url.get_backend_name() == "sqlite":
        return {}
    return {name: value for name, value in _GIVE_UP.items() if name not in url.query}


def _limit_waits(connection: Any, _: object) -> None:
    # A machine that was cut off, or a frozen process, must not hold a row against everybody else.
    connection.autocommit = True
    for limit in (
        "lock_timeout = '30s'",  # as long as a writer waits for its turn on SQLite
        "idle_in_transaction_session_timeout = '60s'",  # none of ours thinks within a transaction
        "tcp_keepalives_idle = 30",  # seconds, as are the intervals
        "tcp_keepalives_interval = 10",
        "tcp_keepalives_count = 3",
    ):
        connection.execute(f"SET {limit}")
    connection.autocommit = False


def _set_up_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # the driver must not begin transactions by itself
    for pragma in (
        "journal_mode=WAL",  # readers and the one writer do not wait for each other
        "busy_timeout=30000",  # milliseconds a writer waits for its turn
        "foreign_keys=ON",
        "synchronous=FULL",  # a 202 promises that a power cut loses nothing; NORMAL may in WAL mode
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes its lock at once: a read lock that turns into a write lock may deadlock.
    begin = connection.get_execution_options().get(_BEGIN, "BEGIN IMMEDIATE")
    connection.exec_driver_sql(begin)
