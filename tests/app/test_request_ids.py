"""Every request has an id: in its answer, in its problem, in the log."""

import json

import pytest
from fastapi.testclient import TestClient

from app.db import Database
from app.storage import Store
from tests.fakes import FakeAnswerer
from tests.rows import make_ready


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/healthz"), ("GET", "/documents"), ("GET", "/nothing"), ("PUT", "/documents")],
)
def test_every_answer_has_an_id_of_its_own(client: TestClient, method: str, path: str) -> None:
    """Whatever becomes of a request, its sender can name it."""
    first, second = (client.request(method, path).headers["x-request-id"] for _ in range(2))

    assert first.startswith("req_")
    assert first != second


def test_problem_names_its_request(client: TestClient) -> None:
    """Header and body say the same."""
    response = client.get("/nothing")

    assert response.json()["request_id"] == response.headers["x-request-id"]


def test_crash_has_an_id_that_the_log_knows(
    client: TestClient,
    database: Database,
    store: Store,
    answerer: FakeAnswerer,
    document_id: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Who reports a failed request names the line that says why."""
    make_ready(database, store, document_id)
    answerer.error = RuntimeError()
    headers = {"X-Request-Id": "mine"}
    path = f"/documents/{document_id}/ask"

    response = client.post(path, json={"question": "Who?"}, headers=headers)

    (line,) = [line for line in capfd.readouterr().err.splitlines() if "request_crashed" in line]
    assert (response.status_code, response.headers["x-request-id"]) == (500, "mine")
    assert (response.json()["request_id"], json.loads(line)["request_id"]) == ("mine", "mine")


@pytest.mark.parametrize("sent", ["a", "A.b_c-9", "x" * 128])
def test_id_of_the_client_is_taken(client: TestClient, sent: str) -> None:
    """A request that passed other services keeps the name that it has there."""
    assert client.get("/healthz", headers={"X-Request-Id": sent}).headers["x-request-id"] == sent


@pytest.mark.parametrize("sent", ["", "x" * 129, "a b", 'a"', "é".encode("latin-1"), "a,b"])
def test_id_that_could_not_be_logged_is_replaced(client: TestClient, sent: str | bytes) -> None:
    """A foreign header writes nothing odd into answers and logs."""
    response = client.get("/healthz", headers={"X-Request-Id": sent})

    assert response.headers["x-request-id"].startswith("req_")


def test_what_is_done_after_the_answer_is_logged_under_its_id(
    client: TestClient, capfd: pytest.CaptureFixture[str]
) -> None:
    """The message that could not be sent names the upload that it was for; a thread sends it."""
    client.post("/documents", json={"text": "x"}, headers={"X-Request-Id": "upload-1"})

    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    ids = [line.get("request_id") for line in lines if line["event"] == "dispatch_failed"]
    assert ids == ["upload-1"]
