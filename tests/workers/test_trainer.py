"""The real trainer's process, with a tiny random model."""

import json
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from sqlalchemy import select

from app import documents, events, intake, jobs
from app.clock import utc_now
from app.db import Database
from app.documents import Overview
from app.intake import Upload
from app.leases import Lease
from app.lift.adapter import Lifted, write_reader
from app.lift.base_model import load_base_model
from app.lift.kinds import new_memory
from app.models import LOCAL_OWNER, Event, EventKind, JobState
from app.settings import Settings
from app.storage import open_store, source_key, text_key
from app.storage.folder import FolderStore
from tests.rows import LOCAL, claim
from tests.tiny import save_tiny_model, tiny_base
from workers.attempt import Parts, run_attempt
from workers.drain import Drain
from workers.supervisor import supervise
from workers.tasks import TRAINER
from workers.warm import WarmTrainer

TEXT = "Ada Byron built the lighthouse of Port Amber in 1911. Its lamp is green.\r\n" * 12
OPTIONS = {
    "segment_tokens": 64,
    "stride_tokens": 48,
    "recitation_context_tokens": 32,
    "window_tokens": 400,
    "context_tokens": 100,
    "num_qa_pairs": 0,
    "joint_epochs": 0,
}
RESUMED: Mapping[str, Mapping[str, Any]] = {
    "next-token": {},
    "distillation": {
        "objective": "distillation",
        "examples_per_step": 4,
        "completions_per_step": 1,
        "questions_per_step": 1,
        "unrelated_share": 0.5,
        "gate_weight": 1.0,
    },
}
"""Options of trainings that are interrupted."""


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny model."""
    folder = tmp_path_factory.mktemp("tiny")
    save_tiny_model(folder)
    return folder


@pytest.fixture
def trainer_settings(
    worker_settings: Settings, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Settings that name the tiny model, for this process and its children."""
    given = {"model": str(tiny_model), "device": "cpu", "dtype": "float32"}
    for name, value in given.items():
        monkeypatch.setenv(f"LIFT_{name.upper()}", value)
    return worker_settings.model_copy(update=given)


@pytest.fixture
def uploaded(sqlite: Database, store: FolderStore) -> Overview:
    """A document that was just uploaded."""
    return add(sqlite, store, OPTIONS)


def add(database: Database, store: FolderStore, options: Mapping[str, Any]) -> Overview:
    """Upload a document."""
    upload = Upload(BytesIO(TEXT.encode()), "a.txt", None, "quick", options, duplicate=True)
    with database.writing() as session:
        return intake.create(session, store, LOCAL, upload, 10_000_000, utc_now()).overview


def attempt(
    database: Database, settings: Settings, lease: Lease, drain: Drain | None = None
) -> None:
    """Make one attempt in this process."""
    run_attempt(
        Parts(
            database,
            open_store(settings),
            settings,
            lambda given: load_base_model(**given.base_model),
            drain or Drain(),
        ),
        lease,
    )


def get(database: Database, uploaded: Overview) -> Overview:
    with database.reading() as session:
        return documents.get(session, LOCAL_OWNER, uploaded.document.id)


def test_trainer_turns_a_document_into_an_adapter(
    sqlite: Database, store: FolderStore, trainer_settings: Settings, uploaded: Overview
) -> None:
    """Text and adapter are in the store, the rows name them, the loss curve is whole."""
    source = WarmTrainer(TRAINER, {})
    supervise(sqlite, open_store(trainer_settings), trainer_settings, uploaded.job.id, source)
    source.stop()

    document, job, adapter = get(sqlite, uploaded)[:3]
    with sqlite.reading() as session:
        stages = session.scalars(select(Event.data).where(Event.kind == EventKind.STAGE)).all()
        metrics = events.metrics(session, job)
    assert (job.state, job.error) == (JobState.READY, None)
    assert store.read(text_key(document.id)).decode() == TEXT.replace("\r\n", "\n")
    assert document.num_characters == len(TEXT.replace("\r\n", "\n"))
    assert document.num_tokens
    assert adapter is not None
    assert store.path(adapter.store_key).stat().st_size == adapter.size_bytes
    assert adapter.file_metadata["document_sha256"] == document.sha256
    assert [stage["stage"] for stage in stages][:2] == ["parse", "segment"]
    assert [stage["stage"] for stage in stages][-3:] == ["train", "measure", "publish"]
    assert adapter.quality == json.loads(adapter.file_metadata["quality"])
    assert adapter.quality
    assert (adapter.quality["verdict"], adapter.quality["num_pairs"]) == ("not_measured", 0)
    assert [metric.data["step"] for metric in metrics] == list(range(1, len(metrics) + 1))
    assert len(metrics) == len(json.loads(adapter.file_metadata["losses"])) > 0
    assert list(store.path("incoming").iterdir()) == []


class Stopper(Drain):
    """Asks itself to end at the n-th occasion."""

    def __init__(self, occasion: int) -> None:
        super().__init__()
        self._left = occasion

    def end_if_asked(self) -> None:
        self._left -= 1
        self.is_asked = self._left <= 0
        super().end_if_asked()


@pytest.mark.parametrize("preset", ["next-token", "distillation"])
def test_resumed_attempts_end_with_the_adapter_of_an_undisturbed_one(
    sqlite: Database, store: FolderStore, trainer_settings: Settings, preset: str
) -> None:
    """Stopped again and again, at a later place each time, the memory is the same, bit for bit."""
    settings = trainer_settings.model_copy(update={"checkpoint_seconds": 1e-9})
    options = OPTIONS | {"num_qa_pairs": 2, "joint_epochs": 1} | RESUMED[preset]
    undisturbed, disturbed = (add(sqlite, store, options) for _ in range(2))

    attempt(sqlite, settings, claim(sqlite, undisturbed.job.id))
    num_stops = 0
    while get(sqlite, disturbed).job.state != JobState.READY:
        lease = claim(sqlite, disturbed.job.id)
        try:
            attempt(sqlite, settings, lease, Stopper(num_stops % 7 + 2))
        except SystemExit:
            num_stops += 1
            with sqlite.writing() as session:
                jobs.release(session, lease, utc_now())

    first, second = (get(sqlite, each).adapter for each in (undisturbed, disturbed))
    assert first
    assert second
    assert num_stops > 3
    tensors = load_file(store.path(first.store_key))
    assert tensors.keys() == load_file(store.path(second.store_key)).keys()
    for name, tensor in load_file(store.path(second.store_key)).items():
        assert torch.equal(tensor, tensors[name])
    for key in ("losses", "tokens_processed", "num_qa_pairs"):
        assert first.file_metadata[key] == second.file_metadata[key]
    assert list(store.list(f"documents/{disturbed.document.id}/checkpoints")) == []


def test_checkpoint_of_other_pairs_is_not_used(
    sqlite: Database, store: FolderStore, trainer_settings: Settings, uploaded: Overview
) -> None:
    """Training begins anew, and the owner is told."""
    settings = trainer_settings.model_copy(update={"checkpoint_seconds": 1e-9})
    lease = claim(sqlite, uploaded.job.id)
    with pytest.raises(SystemExit):
        attempt(sqlite, settings, lease, Stopper(4))
    key = get(sqlite, uploaded).job.checkpoint_key
    assert key
    damaged = bytearray(store.read(key))
    damaged[-1] ^= 1
    store.put(key, BytesIO(damaged))
    with sqlite.writing() as session:
        jobs.release(session, lease, utc_now())

    attempt(sqlite, settings, claim(sqlite, uploaded.job.id))

    with sqlite.reading() as session:
        told = session.scalars(select(Event.data).where(Event.kind == EventKind.LOG)).all()
    assert get(sqlite, uploaded).job.state == JobState.READY
    assert any("The training begins anew" in data["message"] for data in told)


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


def test_memory_starts_from_the_reader_of_the_settings(
    sqlite: Database, trainer_settings: Settings, uploaded: Overview, tmp_path: Path
) -> None:
    """The adapter names the reader's file by its hash."""
    base = tiny_base()
    method = documents.method_of(uploaded)
    lifted = Lifted(new_memory(base, method), base, method, 1, 0, 1, (1.0,))
    reader = write_reader(tmp_path / "r", lifted, num_documents=1, preset="quick", created_at="")

    attempt(
        sqlite,
        trainer_settings.model_copy(update={"reader": tmp_path / "r"}),
        claim(sqlite, uploaded.job.id),
    )

    adapter = get(sqlite, uploaded).adapter
    assert adapter
    assert adapter.file_metadata["reader_sha256"] == reader.sha256


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
