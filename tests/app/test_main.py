"""The application as a whole: health, foreign paths, imports, logs."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Literal

import pytest
from fastapi.testclient import TestClient

from app.db import Database
from app.lift.errors import BaseModelError
from app.main import API_VERSION, create_app, load_resident_answerer
from app.settings import Settings
from app.storage import Store
from tests.fakes import FakeAnswerer
from tests.rows import make_ready


def test_alive_whatever_else_is_broken(client: TestClient) -> None:
    """The process answers although the broker is away."""
    assert client.get("/healthz").json() == {"status": "alive"}


def test_ready_when_all_parts_work(
    api_settings: Settings, answerer: FakeAnswerer, valkey_url: str
) -> None:
    """With a broker the server is ready, and names its model."""
    settings = api_settings.model_copy(update={"broker_url": valkey_url})
    with TestClient(create_app(settings, lambda _: answerer), "http://127.0.0.1") as client:
        response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json() == {"status": "ready", "model": answerer.describe()}


def test_not_ready_names_what_failed(client: TestClient, store: Store) -> None:
    """Without a broker, and with a file where the store should be, both are named."""
    store.path("incoming").parent.mkdir()
    store.path("incoming").write_text("a file")

    response = client.get("/readyz")

    assert (response.status_code, response.json()["code"]) == (503, "not_ready")
    assert response.json()["failed"] == ["broker", "store"]


def test_not_ready_while_the_engine_is_started_again(
    client: TestClient, answerer: FakeAnswerer
) -> None:
    """An engine that does not run is named, and once it does it is not."""
    answerer.is_running = False
    failed = client.get("/readyz").json()["failed"]
    answerer.is_running = True

    assert failed == ["broker", "engine"]
    assert client.get("/readyz").json()["failed"] == ["broker"]


@pytest.mark.parametrize("engine", ["inline", "process"])
def test_quantised_base_model_without_cuda_stops_the_server_with_one_sentence(
    engine: Literal["inline", "process"],
) -> None:
    """The setting reaches the engine, wherever that is, which says what it needs."""
    settings = Settings(quantization="int8", device="cpu", dtype="float32", engine=engine)
    with pytest.raises(BaseModelError, match="LIFT_QUANTIZATION=int8 needs CUDA"):
        load_resident_answerer(settings)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("PUT", "/documents", 405, "method_not_allowed"),
        ("PATCH", "/documents/doc_1", 405, "method_not_allowed"),
    ],
)
def test_foreign_requests_are_problems_too(
    client: TestClient, method: str, path: str, status: int, code: str
) -> None:
    """Paths and methods that there are not get problem+json like everything else."""
    response = client.request(method, path)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == f"urn:lift-server:problem:{code}"
    assert response.json()["instance"] == path


def test_crash_returns_500_without_its_message(
    client: TestClient, database: Database, store: Store, answerer: FakeAnswerer, document_id: str
) -> None:
    """An unexpected error is a problem that gives nothing away."""
    make_ready(database, store, document_id)
    answerer.error = RuntimeError("secret")

    response = client.post(f"/documents/{document_id}/ask", json={"question": "Who?"})

    assert (response.status_code, response.json()["code"]) == (500, "internal_error")
    assert "secret" not in response.text


def test_logs_are_json_without_text_or_questions(
    client: TestClient, database: Database, store: Store, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each line is an event with fields; what users wrote is not in it."""
    body = {"text": "a hidden treasure", "title": "hidden title"}
    document_id = client.post("/documents", json=body).json()["id"]
    make_ready(database, store, document_id)
    client.post(f"/documents/{document_id}/ask", json={"question": "hidden question"})

    lines = capfd.readouterr().err.splitlines()
    assert "dispatch_failed" in [json.loads(line)["event"] for line in lines]
    assert not [line for line in lines if "hidden" in line]


def test_service_imports_no_torch() -> None:
    """Everything but the engine starts without torch."""
    code = "import app.main, workers.tasks, workers.trainer, sys; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_missing_broker_url_stops_the_start(settings: Settings) -> None:
    """The error says what to set."""
    unset = settings.model_copy(update={"broker_url": None})

    with pytest.raises(ValueError, match="LIFT_BROKER_URL"):
        TestClient(create_app(unset, lambda _: FakeAnswerer())).__enter__()


def test_api_version_is_that_of_the_distribution() -> None:
    """The contract and the package carry the same version."""
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]

    assert project["version"] == API_VERSION
