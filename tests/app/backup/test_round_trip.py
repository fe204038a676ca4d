"""What comes back from a backup is what went into it, on either database and in either store."""

from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from sqlalchemy import text

from app import events, jobs
from app.backup.errors import BackupError
from app.backup.saving import Saved, save
from app.clock import utc_now
from app.db import Database, make_schema, migrate
from app.doctor.examination import examine
from app.models import EventKind
from app.storage import Store, source_key, text_key
from tests.app.backup.place import Place, Tables, files, tables
from tests.app.doctor.installation import CONTENT, Installation
from tests.rows import MINUTE


def saved(installation: Installation, path: Path) -> Saved:
    return save(installation.database, installation.store, path, utc_now())


def expected(before: Tables) -> Tables:
    """What a backup keeps: no attempt under way, no checkpoint, no request under way."""
    under_way = "stage completed total unit stage_started_at stage_start lease_token".split()
    for job in before["jobs"]:
        job["checkpoint_key"] = None
        if job["state"] in ("queued", "running"):
            job["state"] = "queued"
            job |= dict.fromkeys([*under_way, "lease_expires_at", "dispatched_at"])
    answered = [row for row in before["idempotency_keys"] if row["key"] == "done"]
    return before | {"idempotency_keys": answered}


def test_rows_and_files_come_back_in_another_database(
    installation: Installation, any_empty: Place, tmp_path: Path
) -> None:
    """SQLite's go into PostgreSQL, PostgreSQL's into SQLite, and each into its own."""
    saved(installation, tmp_path / "b.tar")

    any_empty.restore(tmp_path / "b.tar")

    assert any_empty.tables() == expected(tables(installation.database))
    left = files(installation.store)
    del left[installation.checkpoint]
    assert files(any_empty.store) == left
    report = examine(any_empty.database, any_empty.store, utc_now() + timedelta(hours=2))
    assert report.findings == ()
    assert report.num_files == 6


def test_jobs_under_way_can_be_claimed_again(
    installation: Installation, any_empty: Place, tmp_path: Path
) -> None:
    """Both that wait are found unsent, and one of them ran when the backup was made."""
    (ran,) = installation.jobs_of(installation.training)
    saved(installation, tmp_path / "b.tar")
    any_empty.restore(tmp_path / "b.tar")

    with any_empty.database.writing() as session:
        unsent = jobs.find_unsent(session, utc_now())
        lease = jobs.claim(session, ran.id, utc_now(), MINUTE)

    assert ran.id in unsent
    assert len(unsent) == 2
    assert lease


def test_new_events_come_behind_the_old_ones(
    installation: Installation, any_empty: Place, tmp_path: Path
) -> None:
    """Whoever reads on behind an event misses nothing after a restore."""
    (job,) = installation.jobs_of(installation.ready)
    saved(installation, tmp_path / "b.tar")
    any_empty.restore(tmp_path / "b.tar")
    last = max(row["id"] for row in any_empty.tables()["events"])

    with any_empty.database.writing() as session:
        events.add(session, job.id, EventKind.LOG, {"message": "later"}, utc_now())

    assert max(row["id"] for row in any_empty.tables()["events"]) == last + 1


def test_bucket_goes_into_a_folder_and_back(
    sqlite: Database, s3_store: Store, empty: Place, tmp_path: Path
) -> None:
    """The kind of store is no part of a backup."""
    inside = Installation(sqlite, s3_store)
    inside.fill()
    saved(inside, tmp_path / "b.tar")
    empty.restore(tmp_path / "b.tar")
    copied = Installation(empty.database, empty.store)
    saved(copied, tmp_path / "c.tar")
    left = files(s3_store)
    del left[inside.checkpoint]
    for document_id in (inside.ready, inside.training, inside.waiting):
        s3_store.delete_document(document_id)

    with Place.at(tmp_path / "third", store=s3_store) as place:
        place.restore(tmp_path / "c.tar")
        restored = place.tables()

    assert restored == empty.tables()
    assert files(s3_store) == files(empty.store) == left


def test_empty_installation_comes_back_empty(
    database: Database, store: Store, any_empty: Place, tmp_path: Path
) -> None:
    """Nothing is a backup, too; afterwards the first event is the first one."""
    save(database, store, tmp_path / "b.tar", utc_now())

    any_empty.restore(tmp_path / "b.tar")

    assert any_empty.tables() == {name: [] for name in tables(database)}


def test_migrated_database_without_rows_is_empty(
    small: Installation, any_empty: Place, tmp_path: Path
) -> None:
    """A server that was started once, and never used, may be restored into."""
    migrate(any_empty.url)
    saved(small, tmp_path / "b.tar")

    any_empty.restore(tmp_path / "b.tar")

    assert any_empty.tables() == expected(tables(small.database))


def test_older_schema_is_brought_up_to_date(
    any_empty: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows go in as they were saved, and the migrations that came since are run on them."""
    import app.backup.spool as spool
    from tests.app.backup.older import OLDER_DOCUMENT, OLDER_TABLES

    with Place.at(tmp_path / "older") as older:
        make_schema(older.url, "0003")
        older.store.put(source_key(OLDER_DOCUMENT["id"]), BytesIO(b"x"))
        with older.database.engine.begin() as connection:
            connection.execute(OLDER_TABLES[0].insert(), [OLDER_DOCUMENT])
        with monkeypatch.context() as patch:
            patch.setattr(spool, "TABLES", OLDER_TABLES)
            patch.setattr("app.backup.saving.TABLES", OLDER_TABLES)
            patch.setattr(spool, "known_revisions", lambda: ("0003",))
            save(older.database, older.store, tmp_path / "b.tar", utc_now())

    any_empty.restore(tmp_path / "b.tar")

    (document,) = any_empty.tables()["documents"]
    added = {"filename": None, "fingerprint": None, "starts_from": None}
    assert document == OLDER_DOCUMENT | added


def test_database_of_a_newer_version_is_left_alone(
    small: Installation, empty: Place, tmp_path: Path
) -> None:
    """Even without rows: this version does not know what its tables mean."""
    saved(small, tmp_path / "b.tar")
    migrate(empty.url)
    with empty.database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(BackupError, match="the schema of a newer version"):
        empty.restore(tmp_path / "b.tar")

    assert not any(empty.tables().values())


def test_second_restore_writes_over_the_files_of_a_first(
    small: Installation, empty: Place, tmp_path: Path
) -> None:
    """A restore that was killed between files and rows is simply repeated."""
    saved(small, tmp_path / "b.tar")
    empty.store.put(source_key(small.ready), BytesIO(b"half of"))
    empty.store.put(text_key(small.ready), BytesIO(b""))

    empty.restore(tmp_path / "b.tar")

    assert empty.store.read(small.adapter) == CONTENT
    assert files(empty.store).items() <= files(small.store).items()


def test_reader_comes_along(small: Installation, empty: Place, tmp_path: Path) -> None:
    """The file that LIFT_READER names lies in the data folder afterwards."""
    reader = tmp_path / "our.safetensors"
    reader.write_bytes(b"what all share")
    save(small.database, small.store, tmp_path / "b.tar", utc_now(), reader=reader)

    restored = empty.restore(tmp_path / "b.tar")

    assert restored.reader
    assert restored.reader.is_relative_to(empty.data_dir)
    assert restored.reader.read_bytes() == b"what all share"
