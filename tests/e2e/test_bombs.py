"""A real server with a real worker is sent bombs: each is refused, and nobody else notices."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import httpx
import psutil
import pytest

from app.ingest.limits import MIB
from tests.ingest.made import make_pdf, make_zip
from tests.ingest.test_bombs import LAUGHS, docx_with, lying, nested, pdf_stream, unclosed, zeros
from tests.serving import Served, serving, tiny_settings
from tests.waiting import wait_until

pytestmark = pytest.mark.exhaustive

BOMBS: dict[str, Callable[[], bytes]] = {
    "zip of blanks": lambda: zeros(300 * MIB),
    "zip of many": lambda: make_zip({f"{n}.txt": "x" for n in range(5001)}),
    "zip nested": lambda: nested(200),
    "zip that lies": lying,
    "docx of blanks": lambda: docx_with(b"<x>" + b" " * (300 * MIB)),
    "docx deep": lambda: docx_with(b"<a>" * 2_000_000),
    "odt laughs": lambda: make_zip(
        {"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": LAUGHS + "]><x/>"}
    ),
    "html deep": lambda: b"<!doctype html>" + b"<div>" * 1_000_000,
    "html unclosed": unclosed,
    "json deep": lambda: b"[" * 100_000,
    "one line.csv": lambda: b"a;b;c\n" * 9 + b"x" * 40_000_000,
    "pdf stream": lambda: pdf_stream(1024 * MIB),
    "pdf of 10000 pages": lambda: make_pdf([[]] * 10_000),
    "rtf deep": lambda: b"{\\rtf1" + b"{" * 3_000_000,
}
MOST_SECONDS = 10.0
MOST_BYTES = 1024 * MIB
USUAL_ANSWER_SECONDS, SLOWEST_ANSWER_SECONDS = 5.0, 15.0  # of others, on two shared cores


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server whose temporary files would lie in a folder of their own."""
    folder = tmp_path_factory.mktemp("bombs")
    (folder / "tmp").mkdir()
    settings = tiny_settings(folder / "tiny")
    settings |= {"LIFT_MAX_DOCUMENT_BYTES": str(64 * MIB), "TMPDIR": str(folder / "tmp")}
    with serving(folder / "data", **settings) as served:
        served.url()
        yield served


class Parsers:
    """Watches the parsing processes of a server: what they take at most."""

    def __init__(self, served: Served) -> None:
        self._root = psutil.Process(served.process.pid)
        self.most_bytes, self.most_seconds = 0, 0.0

    def look(self) -> None:
        for process in self._root.children(recursive=True):
            try:
                if any(part.endswith("ingest/child.py") for part in process.cmdline()):
                    self.most_bytes = max(self.most_bytes, process.memory_info().rss)
                    times = process.cpu_times()
                    self.most_seconds = max(self.most_seconds, times.user + times.system)
            except psutil.NoSuchProcess:
                continue


@contextmanager
def others_are_served(http: httpx.Client) -> Iterator[list[float]]:
    """Ask for the list of documents all the while; gives how long each answer took."""
    took, stopping = list[float](), threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=http.base_url, trust_env=False, timeout=30) as other:
            while not took or not stopping.wait(0.1):
                before = time.monotonic()
                assert other.get("/documents").status_code == 200
                took.append(time.monotonic() - before)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield took
    finally:
        stopping.set()
        thread.join()


def refuse(http: httpx.Client, name: str, data: bytes, parsers: Parsers) -> tuple[str, str | None]:
    """Upload a bomb; returns the code of its refusal, and its document's id if it became one."""
    response = http.post("/documents", files={"file": (name, data)})
    if response.status_code >= 400:
        return response.json()["code"], None
    document_id = response.json()["id"]

    def has_ended() -> bool:
        parsers.look()
        return http.get(f"/documents/{document_id}").json()["status"] == "failed"

    wait_until(has_ended, 120)
    return http.get(f"/documents/{document_id}").json()["error"]["code"], document_id


def assert_served(took: list[float]) -> None:
    assert median(took) < USUAL_ANSWER_SECONDS
    assert max(took) < SLOWEST_ANSWER_SECONDS


@pytest.mark.parametrize("name", BOMBS)
def test_bomb_harms_nobody(served: Served, name: str) -> None:
    """It fails with a reason, within its limits, while others get their answers."""
    data, parsers = BOMBS[name](), Parsers(served)
    with (
        httpx.Client(base_url=served.url(), trust_env=False, timeout=60) as http,
        others_are_served(http) as took,
    ):
        code, document_id = refuse(http, name, data, parsers)
        if document_id:
            assert http.delete(f"/documents/{document_id}").status_code == 204

    assert code in ("document_over_limit", "document_damaged", "document_empty")
    assert parsers.most_seconds < MOST_SECONDS
    assert parsers.most_bytes < MOST_BYTES
    assert_served(took)


@pytest.mark.parametrize("make", [lambda: zeros(300 * MIB), lying, lambda: make_zip({"a": ""})])
def test_bomb_as_a_batch_harms_nobody(served: Served, make: Callable[[], bytes]) -> None:
    """The server has it unpacked by the same capped process."""
    data = make()
    with (
        httpx.Client(base_url=served.url(), trust_env=False, timeout=60) as http,
        others_are_served(http) as took,
    ):
        response = http.post("/batches", files={"file": ("bomb.zip", data)})

    assert response.status_code in (413, 422)
    assert_served(took)


def test_nothing_is_left(served: Served) -> None:
    """No file stays, neither of documents nor of their unpacking, and no process."""
    folder = Path(served.log_file).parent
    parsers = [line for line in served.survivors() if "child.py" in line]

    assert parsers == []
    for place in (folder / "tmp", folder / "data" / "store"):
        assert [path for path in place.rglob("*") if path.is_file()] == []
