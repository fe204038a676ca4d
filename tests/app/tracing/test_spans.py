"""What a span tells: names, ids and types; never words."""

from collections.abc import Callable, Generator, Iterator

import pytest
from fastapi.testclient import TestClient
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from app.db import Database
from app.engine.answerer import Piece, Reply
from app.storage import Store
from app.tracing import continued, current_trace_parent, span
from tests.fakes import FakeAnswerer
from tests.rows import make_ready

CANARY = "canarytext"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """All spans of this process."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    yield exporter
    provider.shutdown()


def test_exception_is_told_by_its_type(exported: InMemorySpanExporter) -> None:
    """What it says may be a document's text."""
    with pytest.raises(ValueError, match=CANARY), span("work", {"lift.job_id": "job_1"}):
        raise ValueError(CANARY)

    (told,) = exported.get_finished_spans()
    assert told.status.description == "ValueError"
    assert told.status.status_code is trace.StatusCode.ERROR
    assert CANARY not in told.to_json()


def test_trace_goes_on_elsewhere(exported: InMemorySpanExporter) -> None:
    """A span within belongs to it, and what comes after does not."""
    with continued(PARENT), span("work", {}):
        handed_on = current_trace_parent()
    with span("other", {}):
        pass

    work, other = exported.get_finished_spans()
    assert work.parent is not None
    assert f"{work.parent.span_id:x}" == "b7ad6b7169203331"
    assert handed_on is not None
    assert handed_on.split("-")[1] == "0af7651916cd43dd8448eb211c80319c"
    assert other.parent is None


@pytest.mark.parametrize("parent", [None, "", "nonsense", "00-0-0-0"])
def test_what_is_no_trace_begins_a_new_one(
    exported: InMemorySpanExporter, parent: str | None
) -> None:
    """A foreign header breaks nothing."""
    with continued(parent), span("work", {}):
        pass

    (work,) = exported.get_finished_spans()
    assert work.parent is None


def test_nothing_is_handed_on_while_nothing_is_traced() -> None:
    """The rows of jobs stay empty."""
    with span("work", {}):
        assert current_trace_parent() is None


def test_request_goes_on_in_its_callers_trace(
    exported: InMemorySpanExporter, client: TestClient
) -> None:
    """The span bears the template, not the path, and no query."""
    path = "/documents/doc_unknown"
    client.get(path, params={"wait": "0"}, headers={"traceparent": PARENT})

    (request,) = exported.get_finished_spans()
    assert request.name == "GET /documents/{document_id}"
    assert request.parent is not None
    assert request.attributes is not None
    assert request.attributes["http.response.status_code"] == 404
    assert "doc_unknown" not in request.to_json()
    assert "wait" not in request.to_json()


def test_failed_answer_is_an_error_without_words(
    exported: InMemorySpanExporter,
    client: TestClient,
    database: Database,
    store: Store,
    document_id: str,
    answerer: FakeAnswerer,
) -> None:
    """Neither question nor reason is in any span; FastAPI adds none of its own."""
    make_ready(database, store, document_id)
    answerer.error = RuntimeError(CANARY)
    client.post(f"/documents/{document_id}/ask", json={"question": CANARY})

    spans = {each.name: each for each in exported.get_finished_spans()}
    assert set(spans) >= {"answer", "POST /documents/{document_id}/ask"}
    for each in spans.values():
        assert CANARY not in each.to_json()
    assert spans["answer"].status.status_code is trace.StatusCode.ERROR
    assert not [name for name in spans if name.startswith("fastapi")]


def test_answer_that_nobody_hears_ends_its_span(
    exported: InMemorySpanExporter, make_ask: Callable[[], object]
) -> None:
    """And the engine's answer with it."""
    from app.tracing.answers import traced

    def pieces() -> Generator[Piece | Reply, None, None]:
        yield Piece("It ", None)
        yield Piece("is ", None)

    answer = pieces()
    heard = traced(make_ask(), answer)  # type: ignore[arg-type]
    next(heard)
    heard.close()

    (told,) = exported.get_finished_spans()
    assert [event.name for event in told.events] == ["first_token"]
    assert answer.gi_frame is None


@pytest.fixture
def make_ask() -> Callable[[], object]:
    """Return what is needed of a question here: whose it is."""

    class Asked:
        document_id = "doc_1"

    return Asked
