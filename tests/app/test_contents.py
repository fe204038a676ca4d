"""What a document holds: its text, its pairs, and what they measure."""

from dataclasses import asdict
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from app import attempts, jobs
from app.db import Database
from app.evaluation.quality import QualityReport, judge, not_measured
from app.jobs import PublishedAdapter
from app.lift.observer import QAPair
from app.lift.presets import PRESETS
from app.models import Job
from app.storage import Store
from tests.rows import NOON, claim, make_ready, parse

TEXT = "Ada wrote the first program.\nÉ 😀 <b>It</b> ran in 1843."


def test_text_is_what_the_parser_made(
    client: TestClient, database: Database, store: Store, document_id: str
) -> None:
    """Plain text in UTF-8, which no browser takes for a page."""
    parse(database, store, document_id, TEXT)

    response = client.get(f"/documents/{document_id}/text")

    assert (response.status_code, response.text) == (200, TEXT)
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.headers["x-content-type-options"] == "nosniff"


def test_text_before_parsing_returns_409(client: TestClient, document_id: str) -> None:
    """A document that waits has no text yet."""
    response = client.get(f"/documents/{document_id}/text")

    assert (response.status_code, response.json()["code"]) == (409, "document_not_ready")


def test_text_whose_file_is_gone_returns_404(
    client: TestClient, database: Database, store: Store, document_id: str
) -> None:
    """A document that is being deleted is not found."""
    parse(database, store, document_id)
    store.delete_document(document_id)

    assert client.get(f"/documents/{document_id}/text").status_code == 404


def test_pairs_come_in_the_documents_order_with_their_marks(
    client: TestClient, database: Database, store: Store, document_id: str
) -> None:
    """Evidence has its place in the text; held-back pairs are told from the others."""
    lease = parse(database, store, document_id, TEXT)
    pairs = [
        QAPair("When?", "1843", "It ran", 35, is_held_back=True),
        QAPair("Wrote?", "first", "wrote the first", 4),
        QAPair("Who?", "Ada", "Ada wrote", 0),
    ]
    with database.writing() as session:
        attempts.add_pairs(session, lease, pairs, len(pairs))

    body = client.get(f"/documents/{document_id}/qa-pairs").json()

    assert body["data"] == [asdict(pair) for pair in reversed(pairs)]
    assert body["evidence_share"] == len("Ada wrote the first") / len(TEXT)


def test_document_without_pairs_lists_none(client: TestClient, document_id: str) -> None:
    """A queued document has no pairs; that is no error."""
    body = client.get(f"/documents/{document_id}/qa-pairs").json()

    assert body == {"data": [], "evidence_share": 0.0}


@pytest.mark.parametrize("part", ["text", "qa-pairs"])
def test_contents_of_unknown_document_return_404(client: TestClient, part: str) -> None:
    """There is nothing to read of a document that there is not."""
    response = client.get(f"/documents/doc_{'0' * 26}/{part}")

    assert (response.status_code, response.json()["code"]) == (404, "document_not_found")


@pytest.mark.parametrize(
    "report", [judge([-4.0, -5.0], [-2.0, -3.5], [-4.0, -6.0]), not_measured("too few pairs")]
)
def test_document_shows_what_was_measured(
    client: TestClient, database: Database, document_id: str, report: QualityReport
) -> None:
    """The report is shown field by field, whatever it says."""
    publish(database, document_id, asdict(report))

    quality = client.get(f"/documents/{document_id}").json()["quality"]

    assert quality == asdict(report)
    assert quality["verdict"] == report.verdict.value


def test_quality_is_null_without_a_measurement(
    client: TestClient, database: Database, store: Store, document_id: str
) -> None:
    """Before there is an adapter, and for an adapter that nobody measured."""
    before = client.get(f"/documents/{document_id}").json()["quality"]
    make_ready(database, store, document_id)
    after = client.get(f"/documents/{document_id}").json()["quality"]

    assert (before, after) == (None, None)


def test_document_shows_its_settings(client: TestClient) -> None:
    """All settings as they were resolved at the upload, an option over its preset."""
    options = {"num_held_back_pairs": 7}
    upload = {"text": TEXT, "preset": "quick", "options": options}
    document_id = client.post("/documents", json=upload).json()["id"]

    method = client.get(f"/documents/{document_id}").json()["method"]

    assert method == asdict(PRESETS["quick"]) | options


def publish(database: Database, document_id: str, quality: dict[str, Any]) -> None:
    """Make a document ready with this report."""
    with database.reading() as session:
        job = select(Job.id).where(Job.document_id == document_id)
        job_id = session.scalars(job).one()
    lease = claim(database, job_id)
    adapter = PublishedAdapter("a" * 64, 7, "key", "base", {}, quality)
    with database.writing() as session:
        jobs.finish(session, lease, adapter, 9, NOON)
