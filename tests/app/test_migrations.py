"""Migrations, of a database that holds data, too, on both databases."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, inspect, text

from app.db import connect, known_revisions, migrate, revision_of
from app.models import Base
from tests.postgres import new_database

_OLD_ROWS = (
    "INSERT INTO documents (id, title, sha256, size_bytes, preset, method, created_at) "
    "VALUES ('doc_1', 'Title', 'a', 1, 'quick', '{}', '2030-01-01 12:00:00')",
    "INSERT INTO jobs (id, document_id, state, attempt, created_at) "
    "VALUES ('job_1', 'doc_1', 'ready', 1, '2030-01-01 12:00:00')",
    "INSERT INTO adapters (id, document_id, job_id, sha256, size_bytes, store_key, "
    "base_fingerprint, metadata, created_at) "
    "VALUES ('adp_1', 'doc_1', 'job_1', 'b', 2, 'key', 'base', '{}', '2030-01-01 12:00:00')",
    "INSERT INTO qa_pairs (id, document_id, job_id, question, answer, evidence, start) "
    "VALUES ('qap_1', 'doc_1', 'job_1', 'Who?', 'Ada', 'Ada did.', 3)",
)

_NEW_ROWS = (
    "INSERT INTO api_keys (id, name, owner, scopes, secret_sha256, limits, created_at) "
    "VALUES ('key_1', 'Ann', 'ann', '[]', 'c', '{}', '2030-01-01 12:00:00')",
    "INSERT INTO training_use (owner, day, seconds) VALUES ('ann', '2030-01-01', 3.5)",
    "INSERT INTO idempotency_keys (owner, key, request_sha256, created_at) "
    "VALUES ('ann', 'again', 'd', '2030-01-01 12:00:00')",
)

_SECOND_PAIR = _OLD_ROWS[-1].replace("qap_1", "qap_2")


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """Each of the databases, empty and without a schema."""
    url = f"sqlite:///{tmp_path / 'old.db'}"
    if request.param == "postgresql":
        url = new_database(request.getfixturevalue("postgres_url"))
    engine = connect(url)
    yield engine
    engine.dispose()


def test_quality_comes_and_goes_without_touching_old_rows(engine: Engine) -> None:
    """Old adapters have no quality and old pairs were trained on; going back loses nothing else."""
    _move(engine, command.upgrade, "0001")
    with engine.begin() as connection:
        for row in _OLD_ROWS:
            connection.execute(text(row))
        before = _rows(connection)

    _move(engine, command.upgrade, "0002")
    with engine.begin() as connection:
        quality = connection.execute(text("SELECT quality FROM adapters")).scalar_one()
        held_back = connection.execute(text("SELECT is_held_back FROM qa_pairs")).scalar_one()
        connection.execute(text("UPDATE adapters SET quality = '{\"gain\": 1.5}'"))
    _move(engine, command.downgrade, "0001")
    with engine.connect() as connection:
        after = _rows(connection)
        columns = {column["name"] for column in inspect(connection).get_columns("adapters")}

    assert (quality, bool(held_back)) == (None, False)
    assert after == before
    assert "quality" not in columns


def test_settings_move_to_the_job_and_back(engine: Engine) -> None:
    """A job has the settings its document had; numbers tell versions and pairs apart."""
    _move(engine, command.upgrade, "0001")
    with engine.begin() as connection:
        for row in (*_OLD_ROWS, _SECOND_PAIR):
            connection.execute(text(row))
        before = _rows(connection)

    _move(engine, command.upgrade, "0003")
    with engine.begin() as connection:
        job = connection.execute(text("SELECT * FROM jobs")).mappings().one()
        numbers = connection.execute(text("SELECT id, number FROM qa_pairs ORDER BY id")).all()
        owner = connection.execute(text("SELECT owner FROM documents")).scalar_one()
    _move(engine, command.downgrade, "0001")
    with engine.connect() as connection:
        after = _rows(connection)

    assert (job["preset"], job["version"], job["failed_attempts"]) == ("quick", 1, 0)
    assert job["method"] in ("{}", {})
    assert [tuple(row) for row in numbers] == [("qap_1", 0), ("qap_2", 1)]
    assert owner == "local"
    assert after == before


def test_keys_come_and_go_without_touching_documents(engine: Engine) -> None:
    """Old documents have no file name and are no copies; keys in use are no hindrance."""
    _move(engine, command.upgrade, "0001")
    with engine.begin() as connection:
        for row in _OLD_ROWS:
            connection.execute(text(row))
    _move(engine, command.upgrade, "0003")
    with engine.connect() as connection:
        before = _rows(connection)

    _move(engine, command.upgrade, "0004")
    with engine.begin() as connection:
        new = text("SELECT filename, fingerprint FROM documents")
        unknown = connection.execute(new).one()
        connection.execute(text("UPDATE documents SET filename = 'a.txt', fingerprint = 'f'"))
        for row in _NEW_ROWS:
            connection.execute(text(row))
    _move(engine, command.downgrade, "0003")
    with engine.connect() as connection:
        after, tables = _rows(connection), set(inspect(connection).get_table_names())

    assert tuple(unknown) == (None, None)
    assert after == before
    assert not tables & {"api_keys", "training_use", "idempotency_keys"}


@pytest.mark.parametrize(
    ("revision", "methods", "moved"),
    [
        pytest.param(
            "0007",
            {
                "old": {"least_overlap": 0.6, "seed": 3},
                "always": {"least_overlap": 0.0},
                "strict": {"least_overlap": 1.0},
                "none": {},
            },
            {
                "old": {"least_relatedness": 0.75, "seed": 3},
                "always": {"least_relatedness": 0.0},
                "strict": {"least_relatedness": 1.0},
                "none": {},
            },
            id="another name",
        ),
        pytest.param(
            "0008",
            {
                "usual": {"least_relatedness": 0.75, "seed": 3},
                "chosen": {"least_relatedness": 0.5},
                "none": {},
            },
            {
                "usual": {"least_relatedness": 0.85, "seed": 3},
                "chosen": {"least_relatedness": 0.5},
                "none": {},
            },
            id="another scale",
        ),
    ],
)
def test_jobs_keep_their_rule_about_related_questions(
    engine: Engine, revision: str, methods: Mapping[str, object], moved: Mapping[str, object]
) -> None:
    """As the presets have it now; what was chosen otherwise, and other settings, stay."""
    _make_jobs(engine, methods)

    _move(engine, command.upgrade, revision)
    after = _methods(engine)
    _move(engine, command.downgrade, "-1")

    assert after == moved
    assert _methods(engine) == methods


def test_newest_schema_is_what_the_models_say(engine: Engine) -> None:
    """Nothing is left for the migration generator to find."""
    _move(engine, command.upgrade, "head")

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, Base.metadata) == []


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_processes_that_migrate_at_once_wait_for_each_other(
    kind: str, tmp_path: Path, postgres_url: str
) -> None:
    """API and worker may start together on an empty database."""
    url = f"sqlite:///{tmp_path / 'lift.db'}" if kind == "sqlite" else new_database(postgres_url)
    code = f"from app.db import migrate; migrate({url!r})"
    migrating = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]

    assert [process.wait() for process in migrating] == [0, 0, 0]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_migration_that_fails_leaves_the_database_as_it_was(
    kind: str, tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All steps are one transaction: no other process meets a schema between two of them."""
    url = f"sqlite:///{tmp_path / 'lift.db'}" if kind == "sqlite" else new_database(postgres_url)

    def fail(*_: object, **__: object) -> None:
        raise OSError("no room")

    with monkeypatch.context() as broken:
        broken.setattr("alembic.op.add_column", fail)  # in the second step
        with pytest.raises(OSError, match="no room"):
            migrate(url)
    engine = connect(url)
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == []
    migrate(url)
    with engine.connect() as connection:
        assert revision_of(connection) == known_revisions()[0]
    engine.dispose()


def _rows(connection: Connection) -> list[object]:
    tables = ("documents", "jobs", "adapters", "qa_pairs")
    queries = [text(f"SELECT * FROM {table}") for table in tables]
    return [row for query in queries for row in connection.execute(query).mappings().all()]


def _make_jobs(engine: Engine, methods: Mapping[str, object]) -> None:
    """Make a job with each of these settings, as the first schema has them, and go on to 0006."""
    _move(engine, command.upgrade, "0001")
    with engine.begin() as connection:
        for name, method in methods.items():
            for row in _OLD_ROWS[:2]:
                connection.execute(text(row.replace("_1'", f"_{name}'")))
            row = {"id": f"doc_{name}", "method": json.dumps(method)}
            connection.execute(text("UPDATE documents SET method = :method WHERE id = :id"), row)
    _move(engine, command.upgrade, "0006")


def _methods(engine: Engine) -> dict[str, object]:
    with engine.connect() as connection:
        jobs = connection.execute(text("SELECT document_id, method FROM jobs")).all()
    read = {name: json.loads(row) if isinstance(row, str) else row for name, row in jobs}
    return {name.removeprefix("doc_"): method for name, method in read.items()}


def _move(engine: Engine, direction: object, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(files("migrations")))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        direction(config, revision)  # type: ignore[operator]
