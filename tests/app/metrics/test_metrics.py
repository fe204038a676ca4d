"""`/metrics` over HTTP: who may read it, and how it is written."""

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app import attempts
from app.db import Database
from app.engine.measures import DeviceMemory
from app.lift.observer import StepMetrics
from app.main import create_app
from app.settings import Settings
from app.storage import Store
from tests.app.metrics.parsed import Parsed
from tests.app.metrics.rules import complaints
from tests.fakes import FakeAnswerer
from tests.rows import NOON, add_job, claim, make_ready

ROOT = Path(__file__).parents[3]

TITLE, QUESTION = "canarytitle", "canaryquestion"


@pytest.fixture
def scraped(client: TestClient, database: Database, store: Store) -> Parsed:
    """What is told after a document was uploaded, trained and asked."""
    document_id = client.post("/documents", json={"text": "x", "title": TITLE}).json()["id"]
    make_ready(database, store, document_id)
    asked = client.post(f"/documents/{document_id}/ask", json={"question": QUESTION})
    assert asked.status_code == 200
    parsed = Parsed(client.get("/metrics").text)
    assert document_id not in parsed.text
    return parsed


def test_metrics_obey_the_rules(scraped: Parsed) -> None:
    """Each has HELP and TYPE, base units and a name without a colon; counters end in _total."""
    assert complaints(scraped.text, scraped.families) == []
    assert len(scraped.families) > 40


def test_rules_have_teeth() -> None:
    """What would be wrong is found."""
    wrong = Parsed(
        "# HELP lift_wait_ms Time.\n# TYPE lift_wait_ms gauge\nlift_wait_ms 1\n"
        "# HELP lift:jobs_total Jobs.\n# TYPE lift:jobs_total gauge\nlift:jobs_total 1\n"
        'lift_odd{owner=""} 1\n'
    )

    assert [
        complaint.partition(": ")[2] for complaint in complaints(wrong.text, wrong.families)
    ] == [
        "not in seconds, bytes or a ratio",
        "not a plain name",
        "not ours",
        "_total, and no counter",
        "no HELP or no TYPE",
        "an empty label: {'owner': ''}",
    ]


def test_no_metric_tells_of_a_document(scraped: Parsed) -> None:
    """No title, no question, no owner and no id is in it, in labels least of all."""
    for word in (TITLE, QUESTION, "local", "doc_", "job_", "req_"):
        values = [
            value
            for family in scraped.families
            for sample in family.samples
            for value in sample.labels.values()
        ]
        assert not [value for value in values if word in value]


def test_answer_is_prometheus_text(client: TestClient) -> None:
    """In the version of the format that every scraper reads, and nobody caches it as HTML."""
    response = client.get("/metrics")

    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_metrics_need_no_key(api_settings: Settings, answerer: FakeAnswerer) -> None:
    """A scraper has none; it hears of no document."""
    settings = api_settings.model_copy(update={"auth": "keys"})
    with TestClient(create_app(settings, lambda _: answerer), "http://127.0.0.1") as client:
        assert client.get("/metrics").status_code == 200
        assert client.get("/documents").status_code == 401


def test_metrics_are_answered_under_allowed_names_only(
    api_settings: Settings, answerer: FakeAnswerer
) -> None:
    """A scraper that calls the server by another name needs it in LIFT_ALLOWED_HOSTS."""
    settings = api_settings.model_copy(update={"allowed_hosts": "api"})
    with TestClient(create_app(settings, lambda _: answerer), "http://127.0.0.1") as client:
        allowed = client.get("/metrics", headers={"host": "api:8000"})
        foreign = client.get("/metrics", headers={"host": "evil.example"})

    assert (allowed.status_code, foreign.status_code) == (200, 421)


def test_metrics_are_no_part_of_the_interface(client: TestClient) -> None:
    """Clients are generated without it."""
    assert "/metrics" not in client.get("/openapi.json").json()["paths"]


def test_dead_engine_is_told_and_hides_nothing_else(
    client: TestClient, answerer: FakeAnswerer
) -> None:
    """What other parts say is still there."""
    answerer.is_running = False
    down = Parsed(client.get("/metrics").text)
    answerer.is_running = True
    up = Parsed(client.get("/metrics").text)

    assert (down.value("lift_engine_up"), up.value("lift_engine_up")) == (0, 1)
    assert down.value("lift_database_up") == 1
    assert "lift_num_requests_running" not in down.names
    assert up.value("lift_num_requests_running") == 0


def test_readme_names_every_metric_and_no_other(
    client: TestClient, database: Database, answerer: FakeAnswerer
) -> None:
    """The table is what is told while everything is: a job trains, on a GPU."""
    answerer.device = DeviceMemory(4, 3, 2, 1)
    lease = claim(database, add_job(database))
    with database.writing() as session:
        attempts.add_metric(session, lease, StepMetrics(1, 2.0, 1.0, 1e-3, 100), NOON)
    told = Parsed(client.get("/metrics").text)
    typed = re.findall(r"^# TYPE (lift_\S+) (\S+)", told.text, re.MULTILINE)

    table = (ROOT / "app/metrics/README.md").read_text().split("## What there is")[1]
    rows = re.findall(r"^\| (`lift_.+?) \| (\w+) \|", table, re.MULTILINE)
    listed = {(name, kind) for names, kind in rows for name in re.findall(r"`(\w+)`", names)}
    assert listed == set(typed)
