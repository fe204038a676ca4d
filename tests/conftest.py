"""Real parts that many tests share: databases, a broker, a store, settings."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
from sqlalchemy import text

import app.lift  # noqa: F401 - before torch, which test modules import
from app.clock import new_id
from app.db import Database, migrate
from app.embedded.valkey import running_valkey
from app.settings import Settings
from app.storage import Store, open_store
from app.storage.folder import FolderStore
from tests.postgres import running_postgres

if TYPE_CHECKING:
    from tests.s3 import S3Server

hypothesis.settings.register_profile("lift", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("lift")
DEAD_BROKER = "redis://127.0.0.1:1/0"
if "PYTEST_XDIST_WORKER" in os.environ:
    import torch

    torch.set_num_threads(1)  # the other worker has the other core


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no worker waits for it at the end."""
    items.sort(key=lambda item: item.get_closest_marker("real_model") is None)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name no test by a file's bytes: they may hold the time, and all workers must agree."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A running PostgreSQL with an empty database."""
    with running_postgres() as url:
        yield url


@pytest.fixture(scope="session")
def migrated_postgres_url(postgres_url: str) -> str:
    """A PostgreSQL with the newest schema."""
    migrate(postgres_url)
    return postgres_url


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the newest schema and no rows, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Database]:
    """An empty SQLite database, at the place that `settings` names."""
    path = tmp_path / "lift.db"
    shutil.copy(migrated_sqlite, path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.dispose()


@pytest.fixture
def postgresql(migrated_postgres_url: str) -> Iterator[Database]:
    """An empty PostgreSQL database."""
    database = Database(migrated_postgres_url)
    yield database
    with database.writing() as session:
        tables = "documents, api_keys, training_use, totals, idempotency_keys"
        session.execute(text(f"TRUNCATE {tables} CASCADE"))
    database.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """Each of the databases in turn."""
    database = request.getfixturevalue(request.param)
    assert isinstance(database, Database)
    return database


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running Valkey."""
    with running_valkey(tmp_path_factory.mktemp("valkey")) as valkey:
        yield valkey.url


@pytest.fixture(scope="session")
def running_s3_server() -> Iterator["S3Server"]:
    """A server that speaks S3's protocol."""
    from tests.s3 import running_s3  # here: few tests need it

    with running_s3() as server:
        yield server


@pytest.fixture
def s3_server(running_s3_server: "S3Server") -> Iterator["S3Server"]:
    """The S3 server, asked nothing yet, with no faults."""
    yield running_s3_server.healed()
    running_s3_server.healed()


@pytest.fixture
def s3_settings(
    settings: Settings, s3_server: "S3Server", monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Settings whose store is a new bucket on the S3 server."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    bucket = new_id("bucket").replace("_", "-")
    s3_server.make_bucket(bucket)
    place = {"store_url": f"s3://{bucket}/some/where", "s3_endpoint_url": s3_server.url}
    return settings.model_copy(update=place)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    """An empty store, at the place that `settings` names."""
    return FolderStore(tmp_path / "store")


@pytest.fixture
def s3_store(s3_settings: Settings) -> Store:
    """An empty store in a bucket."""
    return open_store(s3_settings)


@pytest.fixture(params=["folder", "s3"])
def any_store(request: pytest.FixtureRequest) -> Store:
    """An empty store of each kind in turn."""
    store: Store = request.getfixturevalue({"folder": "store", "s3": "s3_store"}[request.param])
    return store


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with everything in the test's folder, and a broker that is away."""
    return Settings(data_dir=tmp_path, broker_url=DEAD_BROKER, sweep_seconds=3600.0)
