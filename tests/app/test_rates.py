"""Requests a minute, counted in a real Valkey for all replicas together."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.callers import Caller, Limits, Scope
from app.clock import new_id
from app.db import Database
from app.embedded.valkey import running_valkey
from app.errors import RateLimitedError
from app.main import create_app
from app.rates import Rates
from app.settings import Settings
from tests.app.keyed import bearer, make_key
from tests.fakes import FakeAnswerer


def caller(most: int | None = 2, key_id: str | None = None) -> Caller:
    """Somebody who has not called yet."""
    limits = Limits(requests_per_minute=most)
    return Caller("ann", frozenset(Scope), key_id or new_id("key"), limits)


@pytest.fixture
def rates(valkey_url: str) -> Iterator[Rates]:
    """A counter on a running Valkey."""
    with closing(Rates(valkey_url)) as rates:
        yield rates


def test_one_request_more_is_refused_with_the_time_to_wait(rates: Rates) -> None:
    """The oldest of the counted requests has to be a minute old first."""
    ann = caller()
    for _ in range(2):
        rates.count(ann)

    with pytest.raises(RateLimitedError, match="may send 2 requests a minute") as refused:
        rates.count(ann)

    assert refused.value.extras == {"limit": 2}
    assert refused.value.headers
    assert 50 <= int(refused.value.headers["Retry-After"]) <= 60


def test_replicas_count_together(rates: Rates, valkey_url: str) -> None:
    """Whichever API process a request meets, it is the same count."""
    ann = caller()
    with closing(Rates(valkey_url)) as other:
        rates.count(ann)
        other.count(ann)
        with pytest.raises(RateLimitedError):
            rates.count(ann)


def test_keys_are_counted_apart(rates: Rates) -> None:
    """What one key sends costs no other, also of the same owner."""
    for _ in range(3):
        rates.count(caller(1))


def test_key_without_a_limit_asks_no_redis(capfd: pytest.CaptureFixture[str]) -> None:
    """Where nothing is counted nothing can be away."""
    with closing(Rates("redis://127.0.0.1:1/0")) as rates:
        for _ in range(5):
            rates.count(caller(None))

    assert capfd.readouterr().err == ""


def test_redis_that_is_away_refuses_nobody_and_is_told_of_once(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Requests pass uncounted, and the log does not fill up."""
    ann = caller(1)
    with closing(Rates("redis://127.0.0.1:1/0")) as rates:
        for _ in range(5):
            rates.count(ann)

    assert capfd.readouterr().err.count("requests_uncounted") == 1


def test_redis_that_says_nothing_delays_one_request_only() -> None:
    """A hung Redis is waited for once, then left alone for some seconds."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        ann = caller(1)
        with closing(Rates(url)) as rates:
            began = time.monotonic()
            for _ in range(5):
                rates.count(ann)

    assert time.monotonic() - began < 4.0


def test_counting_goes_on_when_redis_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the pause it is asked again."""
    monkeypatch.setattr("app.rates._LEAVE_ALONE_SECONDS", 0.1)
    ann = caller(1)
    with running_valkey(tmp_path) as valkey:
        url = valkey.url
    with closing(Rates(url)) as rates:
        rates.count(ann)
        rates.count(ann)
        with running_valkey(tmp_path) as valkey:
            assert valkey.url == url
            time.sleep(0.2)
            rates.count(ann)
            with pytest.raises(RateLimitedError):
                rates.count(ann)


def test_too_many_requests_are_refused_over_http(
    api_settings: Settings, database: Database, valkey_url: str
) -> None:
    """429 comes with Retry-After, whatever was asked for, and health stays open."""
    update = {"auth": "keys", "broker_url": valkey_url, "requests_per_minute": 2}
    headers = bearer(make_key(database).secret)
    app = create_app(api_settings.model_copy(update=update), lambda _: FakeAnswerer())
    with TestClient(app, "http://127.0.0.1") as client:
        paths = ("/documents", "/nothing", "/documents")
        first, second, refused = (client.get(path, headers=headers) for path in paths)
        healthy = client.get("/healthz", headers=headers)

    assert [first.status_code, second.status_code, healthy.status_code] == [200, 404, 200]
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert refused.json()["limit"] == 2
    assert int(refused.headers["retry-after"]) > 0


@pytest.mark.usefixtures("sqlite")
def test_everybody_is_counted_where_nobody_needs_a_key(settings: Settings, valkey_url: str) -> None:
    """The server's own limit holds for the one local owner."""
    update = {"broker_url": valkey_url, "requests_per_minute": 1}
    app = create_app(settings.model_copy(update=update), lambda _: FakeAnswerer())
    with TestClient(app, "http://127.0.0.1") as client:
        statuses = [client.get("/documents").status_code for _ in range(2)]

    assert statuses == [200, 429]
