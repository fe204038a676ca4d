"""A real `lift serve` with LIFT_ENGINE=process, whose engine is killed under its hands."""

import io
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from httpx_sse import ServerSentEvent, connect_sse

from app.client import Client
from tests.app.metrics.parsed import Parsed
from tests.serving import TINY_OPTIONS, Served, serving, tiny_settings
from tests.waiting import wait_until

_TEXT = "The lamp of Osmerrow is lit at dusk by the keeper's youngest child. " * 8
_QUESTION = "Who lights the lamp?"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Settings that serve a tiny model from a process of its own."""
    tiny = tiny_settings(tmp_path_factory.mktemp("model") / "tiny")
    return tiny | {"LIFT_ENGINE": "process", "LIFT_MAX_ANSWER_TOKENS": "15000"}


def engine_of(served: Served) -> psutil.Process:
    """Return the engine's process."""
    (engine,) = [
        child
        for child in psutil.Process(served.process.pid).children()
        if "app.embedded.engine" in child.cmdline() and child.status() != psutil.STATUS_ZOMBIE
    ]
    return engine


def streamed(http: httpx.Client, document_id: str, **question: object) -> Iterator[ServerSentEvent]:
    """Ask a question and give the events of its answer."""
    body = {"question": _QUESTION, **question}
    path = f"/documents/{document_id}/ask/stream"
    with connect_sse(http, "POST", path, json=body) as source:
        yield from source.iter_sse()


def test_killed_engine_is_started_again_and_answers_as_before(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    """The open stream ends in an error, readiness goes red and green, and nothing else stops."""
    with (
        serving(tmp_path / "data", **settings) as served,
        Client(served.url()) as client,
        httpx.Client(base_url=served.url(), timeout=60.0, trust_env=False) as http,
    ):
        document_id = client.upload(
            io.BytesIO(_TEXT.encode()), "book.txt", preset="quick", options=TINY_OPTIONS
        )
        *_, ready = client.follow(document_id, every_seconds=0.2)
        before = client.ask(document_id, _QUESTION, max_tokens=4)
        told = Parsed(http.get("/metrics").text)
        engine = engine_of(served)
        maps = psutil.Process(served.process.pid).memory_maps()
        events = streamed(http, document_id, memory="off", max_tokens=15_000)
        first = next(event for event in events if event.data)
        engine.kill()
        *_, last = events
        refused = http.post(f"/documents/{document_id}/ask", json={"question": _QUESTION})
        red = http.get("/readyz")
        told_meanwhile = Parsed(http.get("/metrics").text)
        listed = http.get("/v1/models")
        wait_until(lambda: http.get("/readyz").status_code == 200, 120)
        after = client.ask(document_id, _QUESTION, max_tokens=4)
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(60) == 0, served.log
        survivors = served.survivors()

    assert ready.status == "ready"
    assert before.memory_share
    assert (after.answer, after.memory_share) == (before.answer, before.memory_share)
    assert first.event == "answer.delta"
    assert (last.event, last.json()["code"]) == ("error", "engine_unavailable")
    assert "is started again; ask again in a few seconds" in last.json()["detail"]
    assert (refused.status_code, refused.json()["code"]) == (503, "engine_unavailable")
    assert int(refused.headers["Retry-After"]) > 0
    assert (red.status_code, red.json()["failed"]) == (503, ["engine"])
    assert listed.status_code == 200
    assert told.value("lift_engine_up") == told.value("lift_adapter_load_seconds_count") == 1
    assert told_meanwhile.value("lift_engine_up") == 0
    assert told_meanwhile.value("lift_time_to_first_token_seconds_count") == 2
    assert not [each.path for each in maps if "torch" in each.path]
    assert survivors == []
    ended = next(json.loads(line) for line in served.log.splitlines() if "engine_ended" in line)
    assert (ended["pid"], ended["status"]) == (engine.pid, -signal.SIGKILL)
    assert "Traceback" not in served.log
    assert "lamp" not in served.log


def test_model_that_is_not_there_stops_the_start_with_one_line(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    """The engine's process says it to the server, which says it once."""
    missing = settings | {"LIFT_MODEL": str(tmp_path / "nowhere")}
    with serving(tmp_path / "data", **missing) as served:
        assert served.process.wait(120) == 1
        survivors = served.survivors()

    starting, why = served.log.splitlines()
    assert starting.startswith("lift: starting with")
    assert why.startswith("lift: ")
    assert "nowhere" in why
    assert survivors == []
