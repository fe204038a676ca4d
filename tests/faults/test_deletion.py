"""Documents that are deleted, and files that go bad, while they are in use."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app import intake
from app.clock import utc_now
from app.db import Database
from app.doctor.examination import Trouble, examine
from app.engine.batching import BatchingAnswerer
from app.intake import Upload
from app.main import create_app
from app.models import Adapter, Document, Job
from app.settings import Settings
from app.storage.folder import FolderStore
from tests.app.live import live_server
from tests.faults.installation import installed
from tests.faults.texts import KINDS
from tests.rows import LOCAL, claim
from tests.tiny import tiny_base
from workers.attempt import Parts, run_attempt
from workers.drain import Drain

_TEXT = "Paragraph 1: the lamp is lit at dusk.\n\nParagraph 2: its oil comes by boat.\n"
_OPTIONS = {
    "segment_tokens": 64,
    "stride_tokens": 64,
    "recitation_context_tokens": 32,
    "window_tokens": 1024,
    "context_tokens": 128,
    "num_qa_pairs": 0,
    "num_held_back_pairs": 0,
    "joint_epochs": 0,
}
_QUESTION = {"question": "Who lights the lamp?", "max_tokens": 500}


def damaged_by_a_bit(content: bytes) -> bytes:
    place = len(content) - 7
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.fixture
def two_ready(sqlite: Database, store: FolderStore, settings: Settings) -> list[str]:
    """Two documents with real memories of the tiny model."""
    return [_lift(sqlite, store, settings) for _ in range(2)]


def _lift(database: Database, store: FolderStore, settings: Settings) -> str:
    upload = Upload(BytesIO(_TEXT.encode()), "a.txt", None, "quick", _OPTIONS, duplicate=True)
    with database.writing() as session:
        overview = intake.create(session, store, LOCAL, upload, 10_000, utc_now()).overview
    parts = Parts(database, store, settings, lambda _: tiny_base(), Drain())
    run_attempt(parts, claim(database, overview.job.id))
    return overview.document.id


@pytest.fixture
def http(settings: Settings) -> Iterator[httpx.Client]:
    """A client of a real API with the tiny model."""
    app = create_app(settings, lambda _: BatchingAnswerer(tiny_base()))
    with (
        live_server(app) as live,
        httpx.Client(base_url=live.url, timeout=120, trust_env=False) as client,
    ):
        yield client


@pytest.mark.parametrize(
    "damage",
    [lambda content: content[:-100], damaged_by_a_bit, lambda _: b""],
    ids=["truncated", "a flipped bit", "empty"],
)
def test_damaged_adapter_is_refused_and_found(
    sqlite: Database, store: FolderStore, two_ready: list[str], http: httpx.Client, damage: Any
) -> None:
    """Nobody is answered from it, others are as before, and the doctor names the file."""
    bad, good = two_ready
    with sqlite.reading() as session:
        key = session.scalars(select(Adapter.store_key).where(Adapter.document_id == bad)).one()
    store.path(key).write_bytes(damage(store.read(key)))

    refusal = http.post(f"/documents/{bad}/ask", json=_QUESTION)
    answer = http.post(f"/documents/{good}/ask", json=_QUESTION)
    report = examine(sqlite, store, utc_now() + timedelta(hours=2))

    assert (refusal.status_code, refusal.json()["code"]) == (409, "adapter_unusable")
    assert "damaged" in refusal.json()["detail"]
    assert answer.status_code == 200
    assert [(each.trouble, each.key) for each in report.findings] == [(Trouble.DAMAGED, key)]


def test_document_deleted_while_it_answers(
    sqlite: Database, store: FolderStore, two_ready: list[str], http: httpx.Client
) -> None:
    """Whoever asked before gets the answer, whoever asks behind it 404; others are as before."""
    gone, stays = two_ready
    answers: list[httpx.Response] = []
    asking = [
        threading.Thread(
            target=lambda: answers.append(http.post(f"/documents/{gone}/ask", json=_QUESTION))
        )
        for _ in range(4)
    ]
    for thread in asking:
        thread.start()
    deletion = http.delete(f"/documents/{gone}")
    for thread in asking:
        thread.join()

    assert deletion.status_code == 204
    assert {each.status_code for each in answers} <= {200, 404, 409}
    assert http.post(f"/documents/{gone}/ask", json=_QUESTION).status_code == 404
    assert http.post(f"/documents/{stays}/ask", json=_QUESTION).status_code == 200
    assert not store.path(f"documents/{gone}").exists()
    with sqlite.reading() as session:
        assert session.scalars(select(Document.id)).all() == [stays]


@pytest.mark.parametrize("stage", ["parse", "synthesise", "train"])
def test_document_deleted_while_it_trains(folder: Path, model: Path, stage: str) -> None:
    """Nothing of it is left, and the worker goes on with the next document."""
    kind = KINDS[0]
    with installed(folder, model) as installation:
        first = installation.upload(kind.text, kind.options)
        second = installation.upload(kind.text, kind.options)

        def stage_of(document_id: str | None) -> str | None:
            with installation.database.reading() as session:
                return session.scalar(select(Job.stage).where(Job.document_id == document_id))

        installation.wait(lambda: stage_of(first) == stage)
        assert installation.http.delete(f"/documents/{first}").status_code == 204
        installation.wait(lambda: installation.get(f"/documents/{second}")["status"] == "ready")

        files = {found.key.split("/")[1] for found in installation.store.list("documents")}
        assert files == {second}
        assert list(installation.store.list("incoming")) == []
        assert installation.http.get(f"/documents/{first}").status_code == 404
