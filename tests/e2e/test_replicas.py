"""Two API processes and two workers that share a database, a broker and a bucket, and no folder."""

import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from app import keys
from app.callers import Scope
from app.client import Client
from app.client_replies import ClientError
from app.clock import utc_now
from app.key_views import KeyWish
from tests.faults.installation import WORKER, Installation, free_port
from tests.s3 import S3Server
from tests.serving import TINY_OPTIONS, tiny_settings

pytestmark = pytest.mark.exhaustive
_API = [sys.executable, "-m", "app.cli.main", "api"]
_TEXT = "The lamp of Osmerrow is lit at dusk by the keeper's youngest child. " * 4
_QUESTION = "Who lights the lamp?"
_WISHES = {"max_tokens": 12, "temperature": 0}
_WITHOUT_END = TINY_OPTIONS | {"recitation_epochs": 1000}


@dataclass(frozen=True, slots=True)
class Replicas:
    """What runs, and a client of each API process."""

    installation: Installation
    first: Client
    second: Client
    https: tuple[httpx.Client, httpx.Client]
    """The same, for what `Client` has no words for."""

    def upload(self, to: Client, text: str = _TEXT, options: dict[str, Any] = TINY_OPTIONS) -> str:
        """Upload a text to one of them."""
        return to.upload(io.BytesIO(text.encode()), "a.txt", preset="quick", options=options)

    def wait_ready(self, through: Client, document_id: str) -> None:
        """Return once a document has its memory."""
        self.installation.wait(lambda: through.get(document_id).is_settled, 240)
        document = through.get(document_id)
        assert document.status == "ready", document.error


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder with a short name, which PostgreSQL's own user may enter."""
    path = Path(tempfile.mkdtemp(prefix="lift-r-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def replicas(folder: Path, running_s3_server: S3Server) -> Iterator[Replicas]:
    """Two of each, every process with a data folder of its own."""
    running_s3_server.make_bucket("replicas")
    settings = tiny_settings(folder / "tiny") | running_s3_server.environment
    settings |= {
        "LIFT_AUTH": "keys",
        "LIFT_STORE_URL": "s3://replicas/all",
        "LIFT_S3_ENDPOINT_URL": running_s3_server.url,
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in running_s3_server.environment.items():
            patch.setenv(name, value)
        installation = Installation(folder, folder / "tiny", settings)
        try:
            installation.add_valkey()
            installation.add_postgres()
            installation.open()
            with installation.database.writing() as session:
                wish = KeyWish(name="ann", scopes={Scope.READ, Scope.WRITE, Scope.ADMIN})
                secret = keys.create(session, wish, utc_now()).secret
            urls = [_start_api(installation, name) for name in ("api1", "api2")]
            for name in ("worker1", "worker2"):
                installation.add(name, WORKER, LIFT_DATA_DIR=_own(installation, name))
            for url in urls:
                installation.wait(lambda url=url: _is_ready(url), 240)
            with (
                Client(urls[0], secret) as first,
                Client(urls[1], secret) as second,
                _http(urls[0], secret) as third,
                _http(urls[1], secret) as fourth,
            ):
                yield Replicas(installation, first, second, (third, fourth))
        finally:
            installation.stop()


def _http(url: str, key: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=60)


def _start_api(installation: Installation, name: str) -> str:
    port = str(free_port())
    installation.add(name, _API, LIFT_PORT=port, LIFT_DATA_DIR=_own(installation, name))
    return f"http://127.0.0.1:{port}"


def _own(installation: Installation, name: str) -> str:
    (installation.folder / name).mkdir()
    return str(installation.folder / name)


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", trust_env=False, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def _refusal(client: Client, document_id: str) -> str | None:
    with pytest.raises(ClientError) as caught:
        client.ask(document_id, _QUESTION, **_WISHES)
    return caught.value.code


def test_document_uploaded_to_one_is_seen_and_asked_at_the_other(replicas: Replicas) -> None:
    """Both give the same answer, from the same memory, which each has brought to itself."""
    document_id = replicas.upload(replicas.first)
    seen = replicas.second.get(document_id)
    replicas.wait_ready(replicas.second, document_id)

    answers = [
        client.ask(document_id, _QUESTION, **_WISHES)
        for client in (replicas.second, replicas.first)
    ]

    assert seen.id == document_id
    assert document_id in {document.id for document in replicas.second.documents()}
    assert answers[0].answer == answers[1].answer
    assert answers[0].memory_share == answers[1].memory_share
    folder = replicas.installation.folder
    assert all(list((folder / name / "cache").iterdir()) for name in ("api1", "api2"))


def test_same_upload_at_both_is_one_document(replicas: Replicas) -> None:
    """What was uploaded before is told by the rows, not by a process."""
    text = _TEXT + "Its oil comes by boat."

    assert replicas.upload(replicas.first, text) == replicas.upload(replicas.second, text)


def test_deleted_at_one_is_gone_at_the_other(replicas: Replicas) -> None:
    """Also where its memory is in the engine's slots."""
    document_id = replicas.upload(replicas.first, _TEXT + "The boat is red.")
    replicas.wait_ready(replicas.first, document_id)
    replicas.second.ask(document_id, _QUESTION, **_WISHES)

    replicas.first.delete(document_id)

    assert _refusal(replicas.second, document_id) == "document_not_found"
    with pytest.raises(ClientError) as caught:
        replicas.second.get(document_id)
    assert caught.value.code == "document_not_found"


def test_job_is_cancelled_at_either(replicas: Replicas) -> None:
    """While both workers train without end, a third job waits, until one is cancelled."""
    first, second = replicas.first, replicas.second
    endless = [
        replicas.upload(first, _TEXT + number, _WITHOUT_END) for number in ("It leaks.", "A sieve.")
    ]
    for document_id in endless:
        replicas.installation.wait(lambda own=document_id: first.get(own).stage == "train", 240)
    waiting = replicas.upload(second, _TEXT + "It was mended.")
    before = first.get(waiting).status

    cancelled = second.cancel(endless[0])

    assert before == "queued"
    assert cancelled.status == first.get(endless[0]).status == "cancelled"
    replicas.wait_ready(first, waiting)
    assert second.get(endless[1]).status == "running"
    first.cancel(endless[1])


def test_events_of_a_job_are_told_by_both(replicas: Replicas) -> None:
    """In one order, with the same ids: whoever is cut off goes on at the other."""
    document_id = replicas.upload(replicas.second, _TEXT + "At noon.")
    replicas.wait_ready(replicas.first, document_id)

    pages = [http.get(f"/documents/{document_id}/events").json() for http in replicas.https]

    assert pages[0]["data"]
    assert pages[0] == pages[1]


def test_key_revoked_at_one_is_refused_by_the_other_at_once(replicas: Replicas) -> None:
    """No process keeps a key in mind."""
    with replicas.installation.database.writing() as session:
        row, secret = keys.create(session, KeyWish(name="bob"), utc_now())
    first, second = replicas.https
    with _http(str(second.base_url), secret) as bob:
        before = bob.get("/documents")
        revoked = first.delete(f"/keys/{row.id}")
        after = bob.get("/documents")

    assert (before.status_code, revoked.is_success) == (200, True)
    assert (after.status_code, after.json()["code"]) == (401, "unauthenticated")
