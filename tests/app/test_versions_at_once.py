"""Cancel, retry, relift, delete, all at once: nobody is refused, and nothing is doubled."""

import random
import threading
import time

import pytest
from fastapi.testclient import TestClient

from app import attempts, jobs
from app.db import Database
from app.leases import LeaseLostError
from app.storage import Store
from tests.app.actions import ACTIONS, REFUSAL, do, states
from tests.rows import MINUTE, NOON, make_ready, parse


@pytest.mark.parametrize("action", ACTIONS)
def test_action_during_a_write_of_the_attempt_waits_for_it(
    client: TestClient, database: Database, store: Store, document_id: str, action: str
) -> None:
    """All lock the job first and then the document: one waits for the other, none fails."""
    lease = parse(database, store, document_id)
    body = {"options": {"seed": 8}} if action == "relift" else {}
    acting = threading.Thread(target=lambda: do(client, document_id, action, **body))
    with database.writing() as session:
        attempts.record_progress(session, lease, 1)  # holds the job
        acting.start()
        time.sleep(0.5)  # the action takes what it can
        attempts.record_parsed(session, lease, 9)  # and the attempt needs the document
    acting.join()

    gone_on = {"cancel": ["cancelled"], "retry": ["running"], "relift": ["cancelled", "queued"]}
    assert states(database, document_id) == gone_on[action]


def test_delete_during_a_write_for_a_newer_version_waits_for_it(
    client: TestClient, database: Database, store: Store, document_id: str
) -> None:
    """The newest job is held as the first one is before the document goes."""
    make_ready(database, store, document_id)
    do(client, document_id, "relift")
    lease = parse(database, store, document_id)
    statuses: list[int] = []

    def delete() -> None:
        statuses.append(client.delete(f"/documents/{document_id}").status_code)

    deleting = threading.Thread(target=delete)
    with database.writing() as session:
        attempts.record_progress(session, lease, 1)
        deleting.start()
        time.sleep(0.5)
        attempts.record_parsed(session, lease, 9)
    deleting.join()

    assert statuses == [204]


def test_many_relifts_at_once_leave_one_that_waits(
    client: TestClient, database: Database, store: Store, document_id: str
) -> None:
    """Each gets its version, and takes the place of the one before."""
    make_ready(database, store, document_id)
    barrier = threading.Barrier(6)

    def race(seed: int) -> None:
        barrier.wait()
        do(client, document_id, "relift", options={"seed": seed})

    threads = [threading.Thread(target=race, args=(seed,)) for seed in range(100, 106)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert states(database, document_id) == ["ready", *["cancelled"] * 5, "queued"]


def test_same_relift_at_once_makes_one_version(
    client: TestClient, database: Database, store: Store, document_id: str
) -> None:
    """A request that was sent twice is one."""
    make_ready(database, store, document_id)
    barrier = threading.Barrier(4)

    def race() -> None:
        barrier.wait()
        do(client, document_id, "relift", options={"seed": 8})

    threads = [threading.Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert states(database, document_id) == ["ready", "queued"]


def test_everybody_at_once_is_refused_nothing(
    client: TestClient, database: Database, store: Store, document_id: str
) -> None:
    """Users, workers and at last a deletion meet on one document: all are served, in some order."""
    statuses: list[int] = []
    is_over = threading.Event()

    def use(seed: int) -> None:
        chance = random.Random(seed)
        for number in range(12):
            action = chance.choice(ACTIONS)
            body = {"options": {"seed": number}} if action == "relift" else None
            response = client.post(f"/documents/{document_id}/{action}", json=body)
            statuses.append(response.status_code)

    def work() -> None:
        while not is_over.is_set():
            try:
                _attempt(database)
            except LeaseLostError:
                continue

    users = [threading.Thread(target=use, args=(seed,)) for seed in range(3)]
    workers = [threading.Thread(target=work) for _ in range(2)]
    for thread in (*users, *workers):
        thread.start()
    for thread in users:
        thread.join()
    ended = states(database, document_id)
    deleted = client.delete(f"/documents/{document_id}").status_code
    is_over.set()
    for thread in workers:
        thread.join()

    assert set(statuses) == {202}
    assert not {"queued", "running"} & set(ended[:-1])
    assert deleted == 204
    assert client.get(f"/documents/{document_id}").status_code == 404


def _attempt(database: Database) -> None:
    """Claim a job, note something, write to the document, and fail."""
    with database.writing() as session:
        lease = jobs.claim_next(session, None, NOON, MINUTE)
    if lease is None:
        return
    with database.writing() as session:
        attempts.start_stage(session, lease, "train", 4, "steps", NOON)
        attempts.record_parsed(session, lease, 9)
    with database.writing() as session:
        jobs.fail_attempt(session, lease, REFUSAL, 3, NOON)
