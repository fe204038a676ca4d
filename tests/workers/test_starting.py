"""Changed texts in the real trainer: from the memory of the text before, or anew, and told so."""

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app import documents, intake
from app.clock import utc_now
from app.db import Database
from app.documents import Overview
from app.intake import Upload
from app.lift import former
from app.models import LOCAL_OWNER, Event, EventKind, JobState
from app.settings import Settings
from app.storage import text_key
from app.storage.folder import FolderStore
from tests.lift.some_pairs import LONG_TEXT
from tests.rows import LOCAL, claim
from tests.workers.test_trainer import OPTIONS, attempt, tiny_model, trainer_settings

__all__ = ["tiny_model", "trainer_settings"]
CHANGED = f"{LONG_TEXT} A goat was tied to the gate of the tower by the clerk."


@pytest.fixture(autouse=True)
def _little_rehearsal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(former, "_LEAST_CHARACTERS", 300)


def lift(
    database: Database,
    store: FolderStore,
    settings: Settings,
    text: str,
    starts_from: str | None = None,
    **options: Any,
) -> Overview:
    """Upload a text and train its memory."""
    document_id = add(database, store, text, starts_from, **options).document.id
    return train(database, settings, document_id)


def add(
    database: Database, store: FolderStore, text: str, starts_from: str | None, **options: Any
) -> Overview:
    content = BytesIO(text.encode())
    upload = Upload(
        content, "a.txt", None, "quick", OPTIONS | options, duplicate=True, starts_from=starts_from
    )
    with database.writing() as session:
        return intake.create(session, store, LOCAL, upload, 10_000_000, utc_now()).overview


def train(database: Database, settings: Settings, document_id: str) -> Overview:
    with database.reading() as session:
        job = documents.get(session, LOCAL_OWNER, document_id).job
    attempt(database, settings, claim(database, job.id))
    with database.reading() as session:
        return documents.get(session, LOCAL_OWNER, document_id)


def told(database: Database, overview: Overview) -> list[str]:
    """Return what the owner was told."""
    logs = select(Event.data).where(Event.kind == EventKind.LOG, Event.job_id == overview.job.id)
    with database.reading() as session:
        return [data["message"] for data in session.scalars(logs)]


def metadata(overview: Overview) -> dict[str, Any]:
    assert overview.job.state == JobState.READY
    assert overview.adapter
    return overview.adapter.file_metadata


def test_changed_text_is_learnt_from_the_memory_of_the_text_before(
    sqlite: Database, store: FolderStore, trainer_settings: Settings
) -> None:
    """The adapter names that memory's file, and far fewer tokens were processed."""
    before = lift(sqlite, store, trainer_settings, LONG_TEXT)
    after = lift(sqlite, store, trainer_settings, CHANGED, before.document.id)

    assert before.adapter
    assert metadata(after)["former_sha256"] == before.adapter.sha256
    assert metadata(before)["former_sha256"] == ""
    assert int(metadata(after)["num_tokens"]) == len(CHANGED)
    spent = [int(metadata(each)["tokens_processed"]) for each in (before, after)]
    assert spent[1] < 0.5 * spent[0]
    assert told(sqlite, after) == []


@pytest.mark.parametrize("gone", ["document", "adapter", "text"])
def test_start_that_is_gone_is_done_without(
    sqlite: Database, store: FolderStore, trainer_settings: Settings, gone: str
) -> None:
    """All is learnt, and the owner is told why."""
    before = lift(sqlite, store, trainer_settings, LONG_TEXT)
    after = add(sqlite, store, CHANGED, before.document.id)
    assert before.adapter
    if gone == "document":
        with sqlite.writing() as session:
            documents.remove(session, LOCAL_OWNER, before.document.id)
    else:
        key = before.adapter.store_key if gone == "adapter" else text_key(before.document.id)
        store.path(key).unlink()

    trained = train(sqlite, trainer_settings, after.document.id)
    (message,) = told(sqlite, trained)

    assert metadata(trained)["former_sha256"] == ""
    assert message.startswith(f"All of it is learnt, not from {before.document.id} on: ")
    expected = "there is no document" if gone == "document" else "its files are gone or damaged"
    assert expected in message


def test_damaged_start_is_done_without(
    sqlite: Database, store: FolderStore, trainer_settings: Settings
) -> None:
    """Its hash tells."""
    before = lift(sqlite, store, trainer_settings, LONG_TEXT)
    assert before.adapter
    file: Path = store.path(before.adapter.store_key)
    file.write_bytes(file.read_bytes()[:-1] + b"?")

    after = lift(sqlite, store, trainer_settings, CHANGED, before.document.id)

    assert metadata(after)["former_sha256"] == ""
    assert "damaged" in told(sqlite, after)[0]


@pytest.mark.parametrize(
    ("text", "options", "reason"),
    [
        ("The mill was sold. " * 40, {}, "100% of the text is new to it"),
        (CHANGED, {"memory_width_factor": 3}, "its memory has memory_width_factor '2', not '3'"),
    ],
)
def test_start_that_does_not_fit_is_done_without(
    sqlite: Database,
    store: FolderStore,
    trainer_settings: Settings,
    text: str,
    options: dict[str, Any],
    reason: str,
) -> None:
    """Another text altogether, or another form of memory."""
    before = lift(sqlite, store, trainer_settings, LONG_TEXT)
    after = lift(sqlite, store, trainer_settings, text, before.document.id, **options)

    assert metadata(after)["former_sha256"] == ""
    assert told(sqlite, after) == [
        f"All of it is learnt, not from {before.document.id} on: {reason}."
    ]
