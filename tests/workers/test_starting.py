"""Changed texts in the real trainer: from the memory of the text before, or anew, and told so."""

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from sqlalchemy import select

from app import documents, intake, jobs
from app.clock import utc_now
from app.contents import pairs_of
from app.db import Database
from app.documents import Overview
from app.intake import Upload
from app.lift import former, synthesis
from app.models import LOCAL_OWNER, Event, EventKind, JobState
from app.settings import Settings
from app.storage import text_key
from app.storage.folder import FolderStore
from tests.lift.some_pairs import LONG_TEXT, some_pairs
from tests.rows import LOCAL, claim
from tests.workers.attempts import OPTIONS, Stopper, attempt

REASONS = {
    "document": "there is no document",
    "adapter": "its memory's file is gone or damaged",
    "text": "its text is gone or damaged",
    "end of the text": "its text is gone or damaged",
    "letters": "its text is gone or damaged",
    "end of the adapter": "its memory cannot be used",
}
NEW = (
    "A goat was tied to the gate of the tower by the clerk. Nobody in the town saw who untied it. "
    "It was found on the roof of the mill."
)
CHANGED = f"{LONG_TEXT} {NEW}"


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


@pytest.fixture
def pairs(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Options of a training with pairs, which a random model cannot write, and several steps."""
    monkeypatch.setattr(synthesis, "write_pairs", some_pairs)
    return {
        "num_qa_pairs": 1,
        "tokens_per_qa_pair": 80,
        "qa_sentences": 3,
        "joint_epochs": 1,
        "examples_per_step": 1,
    }


def evidence(database: Database, overview: Overview) -> list[str]:
    """Return the evidence of the pairs that were written, in the text's order."""
    with database.reading() as session:
        return [row.evidence for row in pairs_of(session, overview.job.id)]


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


def damage(file: Path, how: str) -> None:
    content = file.read_bytes()
    if how.startswith("end of"):
        file.write_bytes(content[:-1])
    elif how == "letters":
        file.write_bytes(b"\xff" + content[1:])
    else:
        file.unlink()


@pytest.mark.parametrize("gone", REASONS)
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
        of_adapter = gone.endswith("adapter")
        key = before.adapter.store_key if of_adapter else text_key(before.document.id)
        damage(store.path(key), gone)

    trained = train(sqlite, trainer_settings, after.document.id)
    (message,) = told(sqlite, trained)

    assert metadata(trained)["former_sha256"] == ""
    assert message.startswith(f"All of it is learnt, not from {before.document.id} on: ")
    assert REASONS[gone] in message


def stop_once(
    database: Database, settings: Settings, uploaded: Overview, occasion: int = 6
) -> Overview:
    """Make an attempt that is stopped behind its pairs, with a checkpoint; return what it left."""
    lease = claim(database, uploaded.job.id)
    with pytest.raises(SystemExit):
        attempt(database, settings, lease, Stopper(occasion))
    with database.writing() as session:
        jobs.release(session, lease, utc_now())
    with database.reading() as session:
        left = documents.get(session, LOCAL_OWNER, uploaded.document.id)
    assert left.job.checkpoint_key
    assert left.job.pairs_tried
    return left


def same_weights(store: FolderStore, one: Overview, other: Overview) -> bool:
    assert one.adapter
    assert other.adapter
    first, second = (load_file(store.path(each.adapter.store_key)) for each in (one, other))
    return all(torch.equal(first[name], second[name]) for name in first)


def test_start_that_goes_between_attempts_takes_what_was_made_from_it_along(
    sqlite: Database, store: FolderStore, trainer_settings: Settings, pairs: dict[str, Any]
) -> None:
    """The memory is that of a text without a start, and no pair is asked or kept twice."""
    settings = trainer_settings.model_copy(update={"checkpoint_seconds": 1e-9})
    before = lift(sqlite, store, settings, LONG_TEXT, **pairs)
    left = stop_once(sqlite, settings, add(sqlite, store, CHANGED, before.document.id, **pairs))
    with sqlite.writing() as session:
        documents.remove(session, LOCAL_OWNER, before.document.id)

    trained = train(sqlite, settings, left.document.id)
    anew = lift(sqlite, store, settings, CHANGED, **pairs)

    assert metadata(trained)["former_sha256"] == ""
    assert same_weights(store, trained, anew)
    assert evidence(sqlite, trained) == evidence(sqlite, anew)
    assert list(store.list(f"documents/{left.document.id}/checkpoints")) == []


def test_start_that_comes_back_between_attempts_is_taken(
    sqlite: Database, store: FolderStore, trainer_settings: Settings, pairs: dict[str, Any]
) -> None:
    """More pairs were left than it needs: they are of other stretches, and forgotten."""
    settings = trainer_settings.model_copy(update={"checkpoint_seconds": 1e-9})
    before = lift(sqlite, store, settings, LONG_TEXT, **pairs)
    assert before.adapter
    file = store.path(before.adapter.store_key)
    content = file.read_bytes()
    file.unlink()
    left = stop_once(sqlite, settings, add(sqlite, store, CHANGED, before.document.id, **pairs))
    assert len(evidence(sqlite, left)) > 3
    file.write_bytes(content)

    trained = train(sqlite, settings, left.document.id)

    assert metadata(trained)["former_sha256"] == before.adapter.sha256
    (written,) = evidence(sqlite, trained)
    assert written in NEW


def test_stopped_training_goes_on_from_the_same_start(
    sqlite: Database, store: FolderStore, trainer_settings: Settings, pairs: dict[str, Any]
) -> None:
    """The memory is that of an attempt that was never stopped."""
    settings = trainer_settings.model_copy(update={"checkpoint_seconds": 1e-9})
    former_id = lift(sqlite, store, settings, LONG_TEXT, **pairs).document.id
    undisturbed = lift(sqlite, store, settings, CHANGED, former_id, **pairs)
    left = stop_once(sqlite, settings, add(sqlite, store, CHANGED, former_id, **pairs))

    trained = train(sqlite, settings, left.document.id)

    assert same_weights(store, trained, undisturbed)
    assert metadata(trained)["losses"] == metadata(undisturbed)["losses"]


@pytest.mark.parametrize(
    ("text", "options", "reason"),
    [
        ("The mill was sold. " * 40, {}, "100% of the text is new, or stands between what is"),
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
