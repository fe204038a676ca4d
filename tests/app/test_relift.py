"""`POST /documents/{id}/relift`: a newer version, and what becomes of the older one."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from app import attempts
from app.db import Database
from app.leases import LeaseLostError
from app.storage import Store
from tests.app.actions import do, fail, keep_checkpoint, states
from tests.fakes import FakeAnswerer
from tests.rows import make_ready, parse


def test_older_version_answers_until_the_newer_one_is_ready(
    client: TestClient, database: Database, store: Store, document_id: str
) -> None:
    """A relift takes nothing away, and at its end the new memory answers."""
    make_ready(database, store, document_id)

    def ask() -> Any:
        asked = client.post(f"/documents/{document_id}/ask", json={"question": "Who?"})
        return asked.json()["adapter_sha256"][0]

    waiting = do(client, document_id, "relift", options={"seed": 8})
    answered_meanwhile = ask()
    make_ready(database, store, document_id, "b" * 64)
    ready = client.get(f"/documents/{document_id}").json()

    assert (waiting["status"], waiting["version"], waiting["adapter"]["version"]) == (
        "queued",
        2,
        1,
    )
    assert (ready["status"], ready["version"], ready["adapter"]["version"]) == ("ready", 2, 2)
    assert (answered_meanwhile, ask()) == ("a", "b")


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_document_whose_relift_did_not_end_well_still_answers(
    client: TestClient,
    database: Database,
    store: Store,
    answerer: FakeAnswerer,
    document_id: str,
    end: str,
) -> None:
    """The status is the newest version's; the memory and its settings are the older one's."""
    make_ready(database, store, document_id)
    do(client, document_id, "relift", options={"seed": 8})
    if end == "failed":
        fail(database, store, document_id)
    else:
        do(client, document_id, "cancel")

    body = client.get(f"/documents/{document_id}").json()
    asked = client.post(f"/documents/{document_id}/ask", json={"question": "Who?"})

    assert (body["status"], body["version"], body["adapter"]["version"]) == (end, 2, 1)
    assert (asked.status_code, asked.json()["adapter_sha256"]) == (200, "a" * 64)
    assert (body["method"]["seed"], answerer.asks[-1].method.seed) == (8, 0)


def test_relift_lays_options_over_the_newest_settings(
    client: TestClient, database: Database, store: Store
) -> None:
    """What is not named stays as it was, options of the upload included."""
    upload = {"text": "x", "preset": "paper", "options": {"seed": 7}}
    document_id = client.post("/documents", json=upload).json()["id"]
    make_ready(database, store, document_id)

    do(client, document_id, "relift", options={"num_qa_pairs": 3}, priority=5, device_kind="cuda")

    body = client.get(f"/documents/{document_id}").json()
    assert (body["preset"], body["priority"], body["device_kind"]) == ("paper", 5, "cuda")
    assert (body["method"]["seed"], body["method"]["num_qa_pairs"]) == (7, 3)
    assert body["method"]["segment_tokens"] == 2048


def test_relift_with_a_preset_begins_with_its_settings(
    client: TestClient, database: Database, store: Store
) -> None:
    """Another preset leaves nothing of the older settings."""
    upload = {"text": "x", "preset": "paper", "options": {"seed": 7}}
    document_id = client.post("/documents", json=upload).json()["id"]
    make_ready(database, store, document_id)

    do(client, document_id, "relift", preset="quick")

    body = client.get(f"/documents/{document_id}").json()
    assert (body["preset"], body["method"]["segment_tokens"]) == ("quick", 128)
    assert body["method"]["seed"] != 7


@pytest.mark.parametrize("runs", [False, True])
def test_relift_with_the_settings_that_wait_or_run_changes_nothing(
    client: TestClient, database: Database, store: Store, document_id: str, runs: bool
) -> None:
    """Asking twice for a version gives one."""
    if runs:
        parse(database, store, document_id)
    preset = client.get(f"/documents/{document_id}").json()["preset"]

    bodies = [do(client, document_id, "relift", preset=preset) for _ in range(2)]

    assert [body["version"] for body in bodies] == [1, 1]
    assert states(database, document_id) == ["running" if runs else "queued"]


def test_relift_with_other_settings_cancels_what_runs_and_deletes_its_checkpoint(
    client: TestClient, database: Database, store: Store, document_id: str
) -> None:
    """The running attempt ends, and nothing is kept to go on from: nobody will."""
    lease = parse(database, store, document_id)
    key = keep_checkpoint(database, store, document_id, lease)

    body = do(client, document_id, "relift", options={"seed": 8})

    assert (body["status"], body["version"]) == ("queued", 2)
    assert states(database, document_id) == ["cancelled", "queued"]
    with pytest.raises(FileNotFoundError):
        store.read(key)
    with pytest.raises(LeaseLostError), database.writing() as session:
        attempts.record_progress(session, lease, 1)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"preset": "huge"}, "unknown_preset"),
        ({"options": {"sed": 1}}, "invalid_option"),
        ({"options": {"seed": "one"}}, "invalid_option"),
        ({"options": {"segment_tokens": 10}}, "invalid_option"),
        ({"options": []}, "invalid_request"),
        ({"priority": 101}, "invalid_request"),
        ({"device_kind": "tpu"}, "invalid_request"),
        ({"title": "x"}, "invalid_request"),
    ],
)
def test_relift_with_settings_that_are_none_returns_422(
    client: TestClient, database: Database, document_id: str, body: dict[str, Any], code: str
) -> None:
    """What runs or waits goes on as if nothing had been asked."""
    response = client.post(f"/documents/{document_id}/relift", json=body)

    assert (response.status_code, response.json()["code"]) == (422, code)
    assert states(database, document_id) == ["queued"]
