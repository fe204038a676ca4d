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

from app import documents, events, jobs
from app.clock import utc_now
from app.db import Database
from app.documents import Overview
from app.lift.adapter import Lifted, write_reader
from app.lift.kinds import new_memory
from app.models import Event, EventKind, JobState
from app.settings import Settings
from app.storage import open_store, text_key
from app.storage.folder import FolderStore
from tests.rows import claim
from tests.tiny import tiny_base
from tests.workers.attempts import OPTIONS, TEXT, Stopper, add, attempt, get
from workers.supervisor import supervise
from workers.tasks import TRAINER
from workers.warm import WarmTrainer

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
