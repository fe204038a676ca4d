"""The measurement between training and publishing, with a tiny random model."""

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
import torch
from sqlalchemy import select

from app import documents, intake, jobs
from app.clock import utc_now
from app.db import Database
from app.evaluation import quality
from app.evaluation.quality import QualityReport, Verdict, quality_report
from app.intake import Upload
from app.jobs import PublishedAdapter
from app.leases import LeaseLostError
from app.lift.adapter import Lifted, read_adapter, write_adapter
from app.lift.config import MethodConfig
from app.lift.memory import GatedMemory
from app.lift.observer import QAPair
from app.models import LOCAL_OWNER, Document
from app.storage import Store, adapter_key
from tests.lift.conftest import TEXT, llama, make_memory, small  # noqa: F401 - fixtures
from tests.rows import LOCAL, NOON, claim
from tests.workers.reporters import reporter_of
from workers.measuring import measure

PAIRS = (
    QAPair("Who lit the lamp?", "Mirel Tand", "", 0, is_held_back=True),
    QAPair("What did the harbour pay?", "salted plums", "", 0, is_held_back=True),
)


@pytest.fixture
def lifted(
    llama: object,  # noqa: F811
    small: MethodConfig,  # noqa: F811
    make_memory: Callable[..., GatedMemory],  # noqa: F811
) -> Lifted:
    """A memory that was just trained."""
    return Lifted(make_memory(llama), llama, small, 9, 2, 99, (1.0,), PAIRS)  # type: ignore[arg-type]


def upload(database: Database, store: Store, text: str) -> tuple[Document, str]:
    """Add a document, and return it with its job."""
    file = Upload(BytesIO(text.encode()), "a.txt", None, "quick", {}, duplicate=True)
    with database.writing() as session:
        document, job = intake.create(session, store, LOCAL, file, 10_000, utc_now()).overview[:2]
    return document, job.id


def publish(database: Database, store: Store, text: str, lifted: Lifted, path: Path) -> Path:
    """Give a new document this adapter; return where its file lies."""
    document, job_id = upload(database, store, text)
    info = write_adapter(path, lifted, document_sha256="", preset="quick", created_at="")
    key = adapter_key(document.id, info.sha256)
    store.put(key, BytesIO(path.read_bytes()))
    adapter = PublishedAdapter(
        info.sha256, info.size_bytes, key, lifted.base.fingerprint, info.metadata
    )
    lease = claim(database, job_id)
    with database.writing() as session:
        jobs.finish(session, lease, adapter, 9, NOON)
    return store.path(key)


def run(database: Database, store: Store, lifted: Lifted, text: str = TEXT) -> QualityReport:
    """Measure the memory of a new document."""
    document, job_id = upload(database, store, text)
    lease = claim(database, job_id)
    with reporter_of(database, lease) as reporter:
        report = measure(database, store, document, text, lifted, reporter)
    with database.reading() as session:
        job = session.scalars(select(jobs.Job).where(jobs.Job.id == job_id)).one()
    assert (job.stage, job.completed, job.total) == ("measure", 2, 2)
    return report


def test_without_another_document_there_is_no_control(
    sqlite: Database, store: Store, lifted: Lifted
) -> None:
    """The first document is measured without a memory and with its own."""
    report = run(sqlite, store, lifted)

    assert report == quality_report(lifted.base, TEXT, PAIRS, lifted.method, lifted.memory, None)
    assert report.num_pairs == 2
    assert report.with_other_memory is None


def test_control_is_the_newest_memory_of_another_text(
    sqlite: Database,
    store: Store,
    lifted: Lifted,
    make_memory: Callable[..., GatedMemory],  # noqa: F811
    tmp_path: Path,
) -> None:
    """Neither an older one, nor one of another base model, nor one of the same text."""
    older, newest = (replace(lifted, memory=make_memory(lifted.base, seed=n)) for n in (1, 2))
    foreign = replace(lifted, base=replace(lifted.base, fingerprint="another"))
    publish(sqlite, store, "Older.", older, tmp_path / "a")
    path = publish(sqlite, store, "Newest.", newest, tmp_path / "b")
    publish(sqlite, store, "Of another base model.", foreign, tmp_path / "c")
    publish(sqlite, store, TEXT, lifted, tmp_path / "d")
    report = run(sqlite, store, lifted)
    expected = quality_report(
        lifted.base, TEXT, PAIRS, lifted.method, lifted.memory, read_adapter(path, lifted.base)
    )
    assert report == expected
    assert report.with_other_memory is not None


def test_former_texts_and_what_came_of_them_are_no_control(
    sqlite: Database, store: Store, lifted: Lifted, tmp_path: Path
) -> None:
    """They know most of what this document says: a good memory would look like no gain."""
    for number, former in enumerate([None, 0, 0, 1]):
        path = tmp_path / str(number)
        publish(sqlite, store, f"Text {number}.", lifted, path)
        with sqlite.writing() as session:
            newest = session.scalars(select(Document).order_by(Document.id.desc())).first()
            texts = session.scalars(select(Document.id).order_by(Document.id)).all()
            assert newest
            newest.starts_from = None if former is None else texts[former]
    document, job_id = upload(sqlite, store, TEXT)
    lease = claim(sqlite, job_id)
    document.starts_from = texts[1]
    with reporter_of(sqlite, lease) as reporter:
        report = measure(sqlite, store, document, TEXT, lifted, reporter)

    assert report.num_pairs == 2
    assert report.with_other_memory is None


@pytest.mark.parametrize("harm", ["flip", "delete"])
def test_unusable_control_is_left_out(
    sqlite: Database, store: Store, lifted: Lifted, tmp_path: Path, harm: str
) -> None:
    """Another document's damaged or missing file does not keep this one from being measured."""
    path = publish(sqlite, store, "Another.", lifted, tmp_path / "a")
    if harm == "delete":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1] + b"!")
    report = run(sqlite, store, lifted)

    assert report.num_pairs == 2
    assert report.with_other_memory is None


def test_measurement_that_fails_costs_no_memory(
    sqlite: Database, store: Store, lifted: Lifted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model out of memory is a reason, not the end of the attempt."""

    def fail(*_: object) -> list[float]:
        raise torch.OutOfMemoryError("no memory is left\non the device")

    monkeypatch.setattr(quality, "gold_log_likelihoods", fail)
    report = run(sqlite, store, lifted)

    assert report.verdict is Verdict.NOT_MEASURED
    assert report.reason == "the measurement failed: no memory is left"


def test_lost_lease_ends_the_measurement(
    sqlite: Database, store: Store, lifted: Lifted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the reporter raises is no failed measurement: the attempt is over."""
    document, job_id = upload(sqlite, store, TEXT)
    lease = claim(sqlite, job_id)
    with sqlite.writing() as session:
        documents.remove(session, LOCAL_OWNER, document.id)

    with pytest.raises(LeaseLostError):
        measure(sqlite, store, document, TEXT, lifted, reporter_of(sqlite, lease))
