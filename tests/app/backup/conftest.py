"""An installation with something in every table, and empty places to restore it into."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from app import keys
from app.backup.saving import save
from app.clock import utc_now
from app.db import Database
from app.key_views import KeyWish
from app.models import IdempotencyKey, QAPairRow, TrainingUse
from app.storage import Store
from app.storage.folder import FolderStore
from tests.app.backup.place import Place
from tests.app.doctor.installation import Installation
from tests.postgres import new_database


def fill(database: Database, store: Store) -> Installation:
    """Make documents that are ready, in training and waiting, and a row of everything else."""
    installation = Installation(database, store)
    installation.fill()
    (ready,) = installation.jobs_of(installation.ready)
    now = utc_now()
    with database.writing() as session:
        keys.create(session, KeyWish(name="ann", limits={"max_documents": 3}), now)
        session.add_all(
            [
                QAPairRow(
                    id="qap_1",
                    document_id=installation.ready,
                    job_id=ready.id,
                    number=0,
                    question="Wer löschte “das” Licht?\n🕯",
                    answer="Mirel",
                    evidence="as ever",
                    start=33,
                    is_held_back=True,
                ),
                TrainingUse(owner="ann", day=date(2030, 1, 2), seconds=3.25),
                IdempotencyKey(
                    owner="ann",
                    key="done",
                    request_sha256="0",
                    status=202,
                    response={"body": "{}", "location": None},
                    created_at=now,
                ),
                IdempotencyKey(owner="ann", key="begun", request_sha256="0", created_at=now),
            ]
        )
    return installation


@pytest.fixture
def installation(database: Database, store: FolderStore) -> Installation:
    """One on each database in turn."""
    return fill(database, store)


@pytest.fixture
def small(sqlite: Database, store: FolderStore) -> Installation:
    """One on SQLite."""
    return fill(sqlite, store)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Place]:
    """An empty machine: SQLite and a folder."""
    with Place.at(tmp_path / "elsewhere") as place:
        yield place


@pytest.fixture(params=["sqlite", "postgresql"])
def any_empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """An empty machine with each database in turn."""
    url = None
    if request.param == "postgresql":
        url = new_database(request.getfixturevalue("postgres_url"))
    with Place.at(tmp_path / "elsewhere", url) as place:
        yield place


@pytest.fixture
def backup(small: Installation, tmp_path: Path) -> Path:
    """A backup in good order."""
    path = tmp_path / "b.tar"
    save(small.database, small.store, path, utc_now())
    return path
