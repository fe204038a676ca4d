"""A real server, worker and trainer, watched: one request followed, every number that is drawn."""

import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from app.engine.measures import DeviceMemory
from app.metrics.engine import EngineCollector
from tests.app.metrics.parsed import Parsed, collected
from tests.app.metrics.rules import complaints
from tests.docker.queries import dashboard_queries, metrics_in, rules
from tests.fakes import FakeAnswerer
from tests.otlp import Collector, collecting
from tests.serving import TINY_OPTIONS, serving, tiny_settings
from tests.waiting import wait_until

TEXT, QUESTION, TITLE, KEY = "canarytext", "canaryquestion", "canarytitle", "lift_canarykey"
BODY = f"The {TEXT} is lit at dusk by the keeper's youngest child. " * 8


@dataclass(frozen=True, slots=True)
class Watched:
    """What one run left behind."""

    request_id: str
    """Of the upload."""
    job_id: str
    document_id: str
    log: str
    lines: list[dict[str, Any]]
    scrapes: list[Parsed]
    collector: Collector


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A document that was uploaded, trained and asked, and asked in vain, by a traced server."""
    folder = tmp_path_factory.mktemp("watched")
    with (
        collecting() as collector,
        serving(
            folder / "data",
            **tiny_settings(folder / "tiny"),
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        ) as served,
        httpx.Client(base_url=served.url(), trust_env=False, timeout=60) as http,
    ):
        http.headers["Authorization"] = f"Bearer {KEY}"
        scrapes = list[Parsed]()
        options = TINY_OPTIONS | {"recitation_epochs": 40}  # seconds of training, to be scraped in
        body = {"text": BODY, "title": TITLE, "preset": "quick", "options": options}
        uploaded = http.post("/documents", json=body)
        path = f"/documents/{uploaded.json()['id']}"

        def is_ready() -> bool:
            scrapes.append(Parsed(http.get("/metrics").text))
            return bool(http.get(path).json()["status"] == "ready")

        wait_until(is_ready, 300)
        for _ in range(2):
            asked = http.post(f"{path}/ask", json={"question": f"{QUESTION}?", "max_tokens": 4})
            assert asked.json()["memory"] == "used"
        http.post(f"{path}/ask", json={"question": QUESTION * 1000})
        http.get("/documents", params={"q": TITLE})
        scrapes.append(Parsed(http.get("/metrics").text))
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(60) == 0, served.log
        wait_until(lambda: collector.named("stage publish") and collector.named("attempt"))
        lines = [json.loads(line) for line in served.log.splitlines() if line.startswith("{")]
        (started,) = [line for line in lines if line["event"] == "attempt_started"]
        yield Watched(
            request_id=uploaded.headers["x-request-id"],
            job_id=started["job_id"],
            document_id=uploaded.json()["id"],
            log=served.log,
            lines=lines,
            scrapes=scrapes,
            collector=collector,
        )


def test_one_request_is_followed_from_http_to_the_trainer(watched: Watched) -> None:
    """What the upload's answer is called stands in the API's, worker's and trainer's log."""
    own = [line for line in watched.lines if line.get("request_id") == watched.request_id]
    events = {line["event"]: line for line in own}

    assert {"job_dispatched", "attempt_started", "document_parsed", "stage_started"} <= set(events)
    of_the_attempt = [line for line in own if line["event"] != "job_dispatched"]
    assert {line["attempt_id"] for line in of_the_attempt} == {f"{watched.job_id}.1"}
    assert {line["job_id"] for line in own} == {watched.job_id}
    stages = [line["stage"] for line in own if line["event"] == "stage_started"]
    assert stages == ["parse", "segment", "synthesise", "train", "measure", "publish"]


def test_every_line_is_an_object_or_for_the_person_who_started_it(watched: Watched) -> None:
    """No library writes past the renderer, but for what Celery prints when a signal comes."""
    told = ("{", "lift: ", "LIFT Server", "  ", "worker: ")
    others = [line for line in watched.log.splitlines() if not line.startswith(told)]

    assert [line for line in others if line] == []


@pytest.mark.parametrize("canary", [TEXT, QUESTION, TITLE, KEY])
def test_nothing_that_watches_tells_what_users_wrote(watched: Watched, canary: str) -> None:
    """Neither logs, nor metrics, nor spans."""
    assert canary not in watched.log
    assert not [scrape for scrape in watched.scrapes if canary in scrape.text]
    assert canary.encode() not in watched.collector.raw


def test_metrics_of_a_real_server_obey_the_rules(watched: Watched) -> None:
    """Also those that only a real engine and real rows tell."""
    for scrape in (watched.scrapes[0], watched.scrapes[-1]):
        assert complaints(scrape.text, scrape.families) == []
        assert watched.document_id not in scrape.text


def test_everything_that_is_drawn_and_watched_is_told(watched: Watched) -> None:
    """Each metric of the dashboard and of the rules was told by this server, or by one on a GPU."""
    asked = [*dashboard_queries(), *(rule["expr"] for rule in rules())]
    named = set().union(*map(metrics_in, asked)) - {"up"}
    told = set().union(*(scrape.names for scrape in watched.scrapes)) | on_a_gpu()

    assert len(named) > 35
    assert named - told == set()


def test_everything_that_is_told_has_grown(watched: Watched) -> None:
    """The figures are those of one document, trained once and asked twice, and once in vain."""
    last = watched.scrapes[-1]

    assert last.value("lift_jobs", state="ready") == 1
    assert last.value("lift_job_attempts_ended_total", outcome="ready") == 1
    assert last.value("lift_training_tokens_total") > len(BODY)
    assert last.value("lift_job_stage_duration_seconds_count", stage="train") == 1
    assert last.value("lift_time_to_first_token_seconds_count") == 2
    assert last.value("lift_request_failures_total", reason="question_too_long") == 1
    assert last.value("lift_memory_share_ratio_count") == 2
    hits, queries = (last.value(f"lift_prefix_cache_{name}_total") for name in ("hits", "queries"))
    assert 0 < hits < queries
    assert last.value("lift_adapter_load_seconds_count") == 1
    assert last.value("lift_adapters", tier="slot") == 1
    assert last.value("lift_iteration_tokens_sum") > last.value("lift_generation_tokens_total")
    assert any("lift_training_last_loss" in scrape.names for scrape in watched.scrapes)


def test_counts_never_fall(watched: Watched) -> None:
    """From scrape to scrape."""
    before: dict[tuple[str, str], float] = {}
    for scrape in watched.scrapes:
        for family in scrape.families:
            if family.type in ("counter", "histogram", "summary"):
                for sample in family.samples:
                    key = sample.name, json.dumps(sample.labels, sort_keys=True)
                    assert sample.value >= before.get(key, 0.0), key
                    before[key] = sample.value


def test_trace_leads_from_the_request_to_the_stages(watched: Watched) -> None:
    """Upload, attempt and stages are one trace, in three processes; the answer is another."""
    (upload,) = watched.collector.named("POST /documents")
    (attempt,) = watched.collector.named("attempt")
    stages = [span for span in watched.collector.spans if span.name.startswith("stage ")]

    assert upload.attributes["lift.request_id"] == watched.request_id
    assert upload.attributes["http.response.status_code"] == 202
    assert (attempt.parent_id, attempt.trace_id) == (upload.span_id, upload.trace_id)
    assert attempt.attributes["lift.attempt_id"] == f"{watched.job_id}.1"
    assert {span.parent_id for span in stages} == {attempt.span_id}
    assert {span.trace_id for span in stages} == {upload.trace_id}
    assert [upload.process, attempt.process, stages[0].process] == ["api", "worker", "trainer"]
    assert {span.service for span in watched.collector.spans} == {"lift-server"}


def test_answer_is_traced_with_its_first_token(watched: Watched) -> None:
    """Within the question's request; one in vain is an error without words."""
    asked = watched.collector.named("POST /documents/{document_id}/ask")
    answers = watched.collector.named("answer")

    assert sorted(span.span_id for span in asked) == sorted(span.parent_id for span in answers)
    good = [span for span in answers if not span.is_error]
    assert [span.events for span in good] == [["first_token"]] * 2
    assert {span.attributes["gen_ai.usage.output_tokens"] for span in good} <= {1, 2, 3, 4}
    (bad,) = [span for span in answers if span.is_error]
    assert bad.events == []


def test_what_looks_after_the_server_is_not_traced(watched: Watched) -> None:
    """Scrapes would be most of all traces."""
    names = {span.name for span in watched.collector.spans}

    assert not [name for name in names if "/metrics" in name or "/healthz" in name]
    assert "GET /documents/{document_id}" in names


def on_a_gpu() -> set[str]:
    """Return the names that an engine on a GPU tells of."""
    answerer = FakeAnswerer()
    answerer.device = DeviceMemory(4, 3, 2, 1)
    return collected(EngineCollector(answerer).collect()).names
