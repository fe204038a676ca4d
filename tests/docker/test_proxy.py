"""What comes through the proxies, and what does not; both with their real programs."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from threading import Event

import httpx
import pytest
from fastapi import FastAPI
from httpx_sse import connect_sse

from app.db import Database
from app.engine.answerer import Ask, Piece, Reply
from app.main import create_app
from app.settings import Settings
from app.storage.folder import FolderStore
from tests.app.live import live_server
from tests.docker.proxies import NAME, PROXIES, Proxy, require
from tests.fakes import FakeAnswerer
from tests.faults.installation import free_port
from tests.rows import make_ready
from tests.waiting import wait_until

_MIB = 1024**2


class Halting(FakeAnswerer):
    """Says one word, and the others once that word was heard."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = Event()

    def stream(self, ask: Ask) -> Iterator[Piece | Reply]:
        yield Piece("Well, ", None)
        assert self.heard.wait(15), "the first word was held back"
        yield from super().stream(ask)


@pytest.fixture
def answerer() -> Halting:
    return Halting()


@pytest.fixture
def app(settings: Settings, sqlite: Database, answerer: Halting) -> FastAPI:
    """An API that answers to the proxy's name, and has something inside."""
    wished = {"allowed_hosts": NAME, "max_document_bytes": 2 * _MIB}
    app = create_app(settings.model_copy(update=wished), lambda _: answerer)
    app.add_api_route("/metrics", lambda: "inside")
    return app


@pytest.fixture(params=sorted(PROXIES))
def proxy(request: pytest.FixtureRequest, app: FastAPI) -> Iterator[Proxy]:
    """Each of the proxies in front of it."""
    require(request.param)
    with (
        live_server(app) as live,
        PROXIES[request.param](live.url.removeprefix("http://")) as proxy,
    ):
        yield proxy


@pytest.fixture
def http(proxy: Proxy) -> Iterator[httpx.Client]:
    """A client that knows the server by its name."""
    with proxy.client() as client:
        yield client


def test_words_come_through_one_by_one(
    http: httpx.Client, answerer: Halting, sqlite: Database, store: FolderStore
) -> None:
    """The first one is here before the second one was said."""
    document_id = http.post("/documents", json={"text": "x"}).json()["id"]
    make_ready(sqlite, store, document_id)
    path, events = f"/documents/{document_id}/ask/stream", list[str]()

    with connect_sse(http, "POST", path, json={"question": "Who?"}) as source:
        for event in filter(lambda event: event.data, source.iter_sse()):
            events.append(event.event)
            answerer.heard.set()

    assert events[0] == "answer.delta"
    assert events[-1] == "answer.done"


def test_large_upload_comes_through(http: httpx.Client) -> None:
    """Larger than what proxies allow when nobody tells them."""
    response = http.post("/documents", files={"file": ("a.txt", b"word " * (_MIB * 2 // 5))})

    assert response.status_code == 202, response.text


def test_upload_above_the_servers_limit_is_refused_by_the_server(http: httpx.Client) -> None:
    """With the problem that names the limit."""
    response = _refused_early(http)

    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


def test_upload_far_above_the_limit_ends_at_the_proxy(http: httpx.Client) -> None:
    """It is cut off while it comes, although it does not say how long it will be."""
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
    chunks = chain([head], (b"x" * _MIB for _ in range(12)))
    kind = {"Content-Type": "multipart/form-data; boundary=b"}

    try:
        response = http.post("/documents", content=chunks, headers=kind)
    except httpx.TransportError:
        return
    assert response.status_code in (413, 502)


def test_metrics_stay_inside(http: httpx.Client) -> None:
    """Also under names that servers take for the same."""
    answers = [http.get(path) for path in ("/metrics", "/metrics/", "/metrics?x=1", "/%6detrics")]

    assert [answer.status_code for answer in answers] == [404] * 4
    assert not any("inside" in answer.text for answer in answers)


def test_page_of_the_server_itself_may_write(http: httpx.Client) -> None:
    """The server sees the name that the browser used, and so knows its own pages."""
    own = http.post("/documents", json={"text": "x"}, headers={"Origin": f"https://{NAME}"})
    other = http.post("/documents", headers={"Origin": "https://evil.test"})

    assert own.status_code == 202
    assert (other.status_code, other.json()["code"]) == (403, "cross_origin")


def test_other_name_gets_no_certificate(proxy: Proxy) -> None:
    """A name that somebody else points here."""
    with proxy.client("evil.test") as client, pytest.raises(httpx.ConnectError):
        client.get("/healthz")


def test_other_name_in_the_request_reaches_nothing(http: httpx.Client) -> None:
    """Also behind a handshake under the right name."""
    response = http.get("/openapi.json", headers={"Host": "evil.test"})

    assert "openapi" not in response.text


def test_plain_http_is_sent_to_https(proxy: Proxy) -> None:
    """Whoever types the name without https gets there."""
    response = httpx.get(
        f"http://127.0.0.1:{proxy.http_port}/documents", headers={"Host": NAME}, trust_env=False
    )

    assert response.status_code in (301, 308)
    assert response.headers["location"].startswith(f"https://{NAME}")


def test_clients_are_told_to_stay_with_https(http: httpx.Client) -> None:
    """HSTS on every answer of the API."""
    assert http.get("/healthz").headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize("program", sorted(PROXIES))
def test_log_holds_no_query_and_no_header(program: str) -> None:
    """Parts of titles stand there, and names: not of requests that fail, or come without TLS."""
    require(program)
    headers = {"Host": NAME, "X-Name": "secret"}
    with PROXIES[program](f"127.0.0.1:{free_port()}") as proxy, proxy.client() as http:
        plain = f"http://127.0.0.1:{proxy.http_port}/documents?title=secret"
        httpx.get(plain, headers=headers, trust_env=False)

        status = http.get("/documents?title=secret", headers=headers).status_code
        wait_until(lambda: "/documents" in proxy.log.read_text())

        assert status == httpx.codes.BAD_GATEWAY
        assert "secret" not in proxy.log.read_text()


def _refused_early(http: httpx.Client) -> httpx.Response:
    """Upload too much; Caddy at times gives up an answer that comes before the body was sent."""
    for _ in range(5):
        with suppress(httpx.TransportError):
            response = http.post("/documents", files={"file": ("a.txt", b"x" * (_MIB * 5 // 2))})
            if response.status_code != httpx.codes.BAD_GATEWAY:
                return response
    raise AssertionError("no answer in five times")
