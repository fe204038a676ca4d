"""Those who wait: kept alive, limited, a burden to nobody; and `GET /documents/{id}?wait=`."""

import time
from datetime import timedelta
from types import ModuleType
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.exc import OperationalError

from app import streams, watch
from app.db import Database
from app.storage import Store
from app.watch import Watch
from tests.app.live import Live, listening_to, soon, told
from tests.rows import parse


def test_silent_stream_is_kept_alive(
    http: httpx.Client, live_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While nothing happens, a comment now and then shows that the server is there."""
    monkeypatch.setattr(streams, "_PING_SECONDS", 0.1)

    with listening_to(http, live_id) as source:
        lines = source.response.iter_lines()
        heard = [next(lines) for _ in range(6)]

    assert heard == ["retry: 2000", "", ": ping", "", ": ping", ""]


@pytest.mark.parametrize(("module", "look"), [(streams, "find_news"), (watch, "find_standings")])
def test_stream_outlasts_a_database_that_is_away(
    http: httpx.Client,
    live_id: str,
    monkeypatch: pytest.MonkeyPatch,
    module: ModuleType,
    look: str,
) -> None:
    """A look that fails is looked again."""
    find, failures = getattr(module, look), iter([True, True])

    def fail_twice(*arguments: Any, **named: Any) -> Any:
        if next(failures, False):
            raise OperationalError("SELECT", {}, Exception("away"))
        return find(*arguments, **named)

    monkeypatch.setattr(module, look, fail_twice)
    with listening_to(http, live_id) as source:
        timer = soon(lambda: http.post(f"/documents/{live_id}/cancel"))
        heard = told(source.iter_sse())
    timer.join()

    assert next(failures, None) is None
    assert heard == [("done", {"status": "cancelled"})]


def test_streams_of_two_documents_do_not_mix(http: httpx.Client, live_id: str) -> None:
    """All are looked after at once, and each hears of its own document only."""
    other = http.post("/documents", json={"text": "another"}).json()["id"]
    with listening_to(http, live_id) as first, listening_to(http, other) as second:
        http.delete(f"/documents/{other}")
        heard_second = told(second.iter_sse())
        http.post(f"/documents/{live_id}/cancel")
        heard_first = told(first.iter_sse())

    assert heard_first == [("done", {"status": "cancelled"})]
    assert [kind for kind, _ in heard_second] == ["error"]


def test_streams_beyond_the_limit_return_503(
    live_app: FastAPI, http: httpx.Client, live_id: str
) -> None:
    """The refusal says when to come again; a stream that ends gives its place back."""
    live_app.state.watch = Watch(most=1)
    path = f"/documents/{live_id}/events/stream"
    with listening_to(http, live_id):
        refused = [http.get(path), http.get(f"/documents/{live_id}", params={"wait": 1})]
    deadline = time.monotonic() + 10
    while http.get(f"/documents/{live_id}", params={"wait": 0.1}).status_code == 503:
        assert time.monotonic() < deadline

    for response in refused:
        assert (response.status_code, response.json()["code"]) == (503, "too_many_streams")
        assert int(response.headers["retry-after"]) > 0


def test_open_streams_leave_the_server_free(http: httpx.Client, live_id: str) -> None:
    """More streams than there are threads wait without holding one."""
    sources = [listening_to(http, live_id) for _ in range(60)]
    for source in sources:
        source.__enter__()
    asked_at = time.monotonic()
    answered = [http.get("/documents").status_code for _ in range(5)]
    seconds = time.monotonic() - asked_at
    for source in sources:
        source.__exit__(None, None, None)

    assert answered == [200] * 5
    assert seconds < 5


def test_server_that_stops_ends_its_streams(
    live: Live, http: httpx.Client, live_id: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """No stream holds the server up until it is cut off, or leaves a word in the log."""
    with listening_to(http, live_id) as source:
        timer = soon(live.stopping.set)
        heard = told(source.iter_sse())
        stopped_at = time.monotonic()
        live.stop()
    timer.join()

    assert heard == []
    assert time.monotonic() - stopped_at < 3
    assert "ancel" not in capfd.readouterr().err


def test_wait_returns_when_the_document_changes(
    http: httpx.Client, database: Database, store: Store, live_id: str
) -> None:
    """A long poll ends with the change, and shows it."""
    timer = soon(lambda: parse(database, store, live_id))
    asked_at = time.monotonic()

    body = http.get(f"/documents/{live_id}", params={"wait": 9}).json()

    timer.join()
    assert body["status"] == "running"
    assert time.monotonic() - asked_at < 8


def test_wait_returns_when_the_time_is_up(http: httpx.Client, live_id: str) -> None:
    """Nothing happened: the document is shown as it is."""
    asked_at = time.monotonic()

    body = http.get(f"/documents/{live_id}", params={"wait": 1}).json()

    assert body["status"] == "queued"
    assert timedelta(seconds=time.monotonic() - asked_at) > timedelta(seconds=1)


def test_wait_behind_a_retry_waits(http: httpx.Client, live_id: str) -> None:
    """That others saw it cancelled a moment ago does not count any more."""
    http.post(f"/documents/{live_id}/cancel")
    http.get(f"/documents/{live_id}", params={"wait": 60})
    http.post(f"/documents/{live_id}/retry")
    asked_at = time.monotonic()

    http.get(f"/documents/{live_id}", params={"wait": 1})

    assert time.monotonic() - asked_at > 1


def test_wait_for_what_is_over_returns_at_once(http: httpx.Client, live_id: str) -> None:
    """Nothing more will happen by itself; an unknown document is not found."""
    http.post(f"/documents/{live_id}/cancel")
    asked_at = time.monotonic()

    status = http.get(f"/documents/{live_id}", params={"wait": 60}).json()["status"]
    unknown = [
        http.get(f"/documents/{each}", params={"wait": 60}).status_code
        for each in ("doc_" + "0" * 26, "nonsense", "%00")
    ]

    assert (status, unknown) == ("cancelled", [404] * 3)
    assert time.monotonic() - asked_at < 5


@pytest.mark.parametrize("wait", ["-1", "61", "long"])
def test_wait_out_of_range_returns_422(http: httpx.Client, live_id: str, wait: str) -> None:
    """One waits for a minute at most."""
    response = http.get(f"/documents/{live_id}", params={"wait": wait})

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/query/wait"
