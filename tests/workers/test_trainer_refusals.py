"""Attempts that cannot succeed: who is told what, and that nothing is left behind."""

from io import BytesIO
from pathlib import Path

import pytest

from app import documents, intake
from app.clock import utc_now
from app.db import Database
from app.documents import Overview
from app.intake import Upload
from app.leases import Lease
from app.models import LOCAL_OWNER, JobState
from app.settings import Settings
from app.storage import source_key, text_key
from app.storage.folder import FolderStore
from tests.rows import LOCAL, claim
from tests.workers.attempts import OPTIONS, TEXT, attempt, get


def test_missing_base_model_fails_the_document_with_one_sentence(
    sqlite: Database, settings: Settings, uploaded: Overview, tmp_path: Path
) -> None:
    """The reason says which model; no further attempt is made, and the text is kept."""
    nowhere = settings.model_copy(update={"model": str(tmp_path / "nowhere")})

    attempt(sqlite, nowhere, claim(sqlite, uploaded.job.id))

    document, job, adapter = get(sqlite, uploaded)[:3]
    assert (job.state, job.retryable) == (JobState.FAILED, False)
    assert job.error_code == "base_model_unusable"
    assert "nowhere" in (job.error or "")
    assert document.num_characters
    assert adapter is None


def test_quantised_base_model_without_cuda_fails_the_document_with_one_sentence(
    sqlite: Database, trainer_settings: Settings, uploaded: Overview
) -> None:
    """The setting reaches the trainer, which says what it needs."""
    quantised = trainer_settings.model_copy(update={"quantization": "nf4"})

    attempt(sqlite, quantised, claim(sqlite, uploaded.job.id))

    job = get(sqlite, uploaded).job
    assert (job.state, job.error_code) == (JobState.FAILED, "base_model_unusable")
    assert "LIFT_QUANTIZATION=nf4 needs CUDA" in (job.error or "")


def test_memory_that_the_base_model_cannot_carry_fails_the_document_with_one_sentence(
    sqlite: Database, store: FolderStore, trainer_settings: Settings
) -> None:
    """The reason says what to choose; no further attempt is made."""
    options = OPTIONS | {"memory_kind": "pissa", "lora_rank": 128}
    upload = Upload(BytesIO(TEXT.encode()), "a.txt", None, "quick", options, duplicate=True)
    with sqlite.writing() as session:
        uploaded = intake.create(session, store, LOCAL, upload, 10_000_000, utc_now()).overview

    attempt(sqlite, trainer_settings, claim(sqlite, uploaded.job.id))

    job = get(sqlite, uploaded).job
    assert (job.state, job.retryable) == (JobState.FAILED, False)
    assert job.error_code == "document_refused"
    assert "lora_rank '128' is more than pissa can have" in (job.error or "")


def test_unusable_reader_fails_the_document_before_any_training(
    sqlite: Database, trainer_settings: Settings, uploaded: Overview, tmp_path: Path
) -> None:
    """The reason names the file; no further attempt is made."""
    settings = trainer_settings.model_copy(update={"reader": tmp_path / "gone"})

    attempt(sqlite, settings, claim(sqlite, uploaded.job.id))

    job = get(sqlite, uploaded).job
    assert (job.state, job.retryable) == (JobState.FAILED, False)
    assert (job.error_code, job.stage) == ("reader_unusable", "parse")
    assert "gone cannot be used" in (job.error or "")


def test_source_that_is_gone_is_not_the_documents_fault(
    sqlite: Database, store: FolderStore, settings: Settings, uploaded: Overview
) -> None:
    """A store that has lost the file ends the process, which its supervisor reports."""
    store.path(source_key(uploaded.document.id)).unlink()

    with pytest.raises(FileNotFoundError):
        attempt(sqlite, settings, claim(sqlite, uploaded.job.id))

    assert get(sqlite, uploaded).job.state == JobState.RUNNING


def test_attempt_on_a_deleted_document_ends_quietly(
    sqlite: Database, store: FolderStore, settings: Settings, uploaded: Overview
) -> None:
    """Nothing is written for a document that was deleted before its trainer began."""
    lease = claim(sqlite, uploaded.job.id)
    with sqlite.writing() as session:
        documents.remove(session, LOCAL_OWNER, uploaded.document.id)
    store.delete_document(uploaded.document.id)

    attempt(sqlite, settings, lease)

    assert [path for path in store.path("").rglob("*") if path.is_file()] == []


def test_stale_lease_publishes_no_text(
    sqlite: Database, store: FolderStore, settings: Settings, uploaded: Overview
) -> None:
    """An attempt that has lost its job leaves the store as it was."""
    attempt(sqlite, settings, Lease(uploaded.job.id, "stale"))

    assert not store.path(text_key(uploaded.document.id)).exists()
