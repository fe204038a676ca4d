"""A disk that is full or read-only at any single write: nothing is lost, nothing half is left."""

from datetime import timedelta
from io import BytesIO
from itertools import count

import pytest
from fastapi.testclient import TestClient
from safetensors.torch import load_file
from sqlalchemy import func, select

from app import intake, jobs
from app.clock import utc_now
from app.db import Database
from app.doctor.examination import Finding, Trouble, examine
from app.intake import Upload
from app.leases import Lease
from app.lift.base_model import BaseModel
from app.main import create_app
from app.models import Adapter, Document, JobState
from app.settings import Settings
from app.storage import open_store
from app.storage.folder import FolderStore
from tests.fakes import FakeAnswerer
from tests.faults.failing_disk import FULL, READ_ONLY, FailingDisk
from tests.rows import LOCAL, claim, get_job
from tests.tiny import tiny_base
from workers.attempt import Parts, run_attempt
from workers.drain import Drain

_TEXT = "Paragraph 1: the lamp is lit at dusk.\n\nParagraph 2: its oil comes by boat.\n"
_OPTIONS = {
    "segment_tokens": 32,
    "stride_tokens": 32,
    "recitation_context_tokens": 32,
    "window_tokens": 256,
    "context_tokens": 128,
    "auxiliary_task": "passage-index",
    "num_qa_pairs": 2,
    "num_held_back_pairs": 1,
    "joint_epochs": 1,
}
_BOTH = pytest.mark.parametrize("code", [FULL, READ_ONLY], ids=["full", "read-only"])


@pytest.fixture(scope="module")
def base() -> BaseModel:
    """A tiny model."""
    return tiny_base()


@pytest.fixture
def quick(settings: Settings) -> Settings:
    """Settings that take a checkpoint at every step."""
    return settings.model_copy(update={"checkpoint_seconds": 1e-9})


def add(database: Database, store: FolderStore) -> str:
    """Upload a document; returns its job."""
    upload = Upload(BytesIO(_TEXT.encode()), "a.txt", None, "quick", _OPTIONS, duplicate=True)
    with database.writing() as session:
        return intake.create(session, store, LOCAL, upload, 10_000, utc_now()).overview.job.id


def attempt(database: Database, settings: Settings, base: BaseModel, lease: Lease) -> None:
    """Make one attempt in this process, where an error is the trainer's death."""
    parts = Parts(database, open_store(settings), settings, lambda _: base, Drain())
    run_attempt(parts, lease)


def trained(database: Database, store: FolderStore, job_id: str) -> dict[str, object]:
    """Return what a job's adapter holds."""
    with database.reading() as session:
        key = session.scalars(select(Adapter.store_key).where(Adapter.job_id == job_id)).one()
    return {name: tensor.tolist() for name, tensor in load_file(store.path(key)).items()}


def findings(database: Database, store: FolderStore) -> list[Finding]:
    return list(examine(database, store, utc_now() + timedelta(hours=2)).findings)


@_BOTH
def test_training_outlasts_a_disk_that_fails_at_any_write(
    sqlite: Database, store: FolderStore, quick: Settings, base: BaseModel, code: int
) -> None:
    """Another attempt ends with the same memory; only what could not be deleted is left over."""
    undisturbed = add(sqlite, store)
    attempt(sqlite, quick, base, claim(sqlite, undisturbed))
    right = trained(sqlite, store, undisturbed)
    num_deaths = 0

    for number in count(1):
        job_id = add(sqlite, store)
        lease = claim(sqlite, job_id)
        disk = FailingDisk(store.path(""), number, code)
        try:
            with disk.mounted():
                attempt(sqlite, quick, base, lease)
        except OSError:
            num_deaths += 1
        if get_job(sqlite, job_id).state == JobState.RUNNING:
            with sqlite.writing() as session:
                jobs.release(session, lease, utc_now())
            attempt(sqlite, quick, base, claim(sqlite, job_id))
        job = get_job(sqlite, job_id)
        assert (job.state, job.error) == (JobState.READY, None), disk.failed
        assert trained(sqlite, store, job_id) == right, disk.failed
        if not (disk.failed or "").startswith("unlink"):
            assert findings(sqlite, store) == [], disk.failed
        for finding in findings(sqlite, store):
            assert finding.trouble in (Trouble.ORPHAN, Trouble.LEFTOVER), disk.failed
            store.delete(finding.key)
        if disk.failed is None:
            break

    assert number > 20
    assert num_deaths > 5


@_BOTH
def test_upload_is_whole_or_refused_whichever_write_fails(
    sqlite: Database, store: FolderStore, quick: Settings, code: int
) -> None:
    """A refusal says what is wrong, and leaves neither file nor row."""
    app = create_app(quick, lambda _: FakeAnswerer())
    with TestClient(app, "http://127.0.0.1", raise_server_exceptions=False) as client:
        for number in count(1):
            disk = FailingDisk(store.path(""), number, code)
            with disk.mounted():
                response = client.post("/documents", json={"text": _TEXT})
            with sqlite.reading() as session:
                num_documents = session.scalars(select(func.count(Document.id))).one()
            if disk.failed is None:
                break
            if response.status_code == 202:
                client.delete(f"/documents/{response.json()['id']}")
                continue
            assert response.status_code == 503, disk.failed
            assert response.json()["code"] == "store_unavailable"
            assert num_documents == 0
            assert findings(sqlite, store) == [], disk.failed

    assert (response.status_code, num_documents) == (202, 1)
    assert number > 5
