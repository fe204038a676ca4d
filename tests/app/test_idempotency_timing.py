"""`Idempotency-Key`, by when the second request comes: meanwhile, behind a crash, a day later."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import update

from app import idempotency, intake, jobs
from app.clock import utc_now
from app.db import Database
from app.models import Document, IdempotencyKey
from tests.app.repeated import upload
from tests.rows import count

DAY, VOID = (
    timedelta(seconds=seconds) for seconds in (idempotency.KEPT_SECONDS, idempotency.VOID_SECONDS)
)


def age(database: Database, by: timedelta, **values: Any) -> None:
    """Let the key's row be older than it is."""
    with database.writing() as session:
        session.execute(update(IdempotencyKey).values(created_at=utc_now() - by, **values))


def test_unfinished_first_request_makes_the_second_wait(
    client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the first one runs nothing is done for the second, which is told when to come again."""
    original, answers = intake.create, []

    def create(*arguments: Any) -> intake.Taken:
        answers.append(upload(client))
        monkeypatch.setattr(intake, "create", original)
        return original(*arguments)

    monkeypatch.setattr(intake, "create", create)
    first = upload(client)

    assert (answers[0].status_code, answers[0].json()["code"]) == (409, "idempotency_key_in_use")
    assert int(answers[0].headers["retry-after"]) > 0
    assert upload(client).content == first.content
    assert count(database, Document) == 1


def test_many_at_once_make_one_document(client: TestClient, database: Database) -> None:
    """One of them is carried out; the others hear of it, or are to ask again."""
    barrier, answers = threading.Barrier(5), []

    def send() -> None:
        barrier.wait()
        answers.append(upload(client))

    threads = [threading.Thread(target=send) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    statuses = [answer.status_code for answer in answers]
    assert set(statuses) <= {202, 409}
    assert len({answer.content for answer in answers if answer.status_code == 202}) == 1
    assert count(database, Document) == 1


def test_crash_is_not_remembered(
    client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What failed in the middle left nothing; the next request is a first one."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(jobs, "create", fail)
    crashed = upload(client)
    monkeypatch.undo()

    assert crashed.status_code == 500
    assert upload(client).status_code == 202
    assert count(database, Document) == 1


def test_answer_is_noted_with_the_work_or_not_at_all(
    client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit that fails leaves neither a document nor an answer."""
    noted: list[int] = []
    remember = idempotency._remember

    def fail_behind(*arguments: Any) -> None:
        remember(*arguments)
        noted.append(1)
        raise ConnectionError

    monkeypatch.setattr(idempotency, "_remember", fail_behind)
    response = upload(client)
    monkeypatch.undo()

    assert (response.status_code, noted) == (500, [1])
    assert (count(database, Document), count(database, IdempotencyKey)) == (0, 0)


@pytest.mark.parametrize(("age_seconds", "status"), [(-10, 409), (10, 202)])
def test_key_of_a_lost_request_is_free_after_a_while(
    client: TestClient, database: Database, age_seconds: int, status: int
) -> None:
    """A server that was killed in the middle blocks nobody for ever."""
    upload(client)
    age(database, VOID + timedelta(seconds=age_seconds), status=None, response=None)

    assert upload(client).status_code == status


def test_request_that_lost_its_key_undoes_its_work(
    client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that took so long that it counted as lost is not carried out beside its successor."""
    original = intake.create
    later: list[Response] = []

    def create(*arguments: Any) -> intake.Taken:
        monkeypatch.setattr(intake, "create", original)
        age(database, 2 * VOID)
        later.append(upload(client))
        return original(*arguments)

    monkeypatch.setattr(intake, "create", create)
    slow = upload(client)

    assert (slow.status_code, later[0].status_code) == (409, 202)
    assert count(database, Document) == 1
    assert upload(client).content == later[0].content


@pytest.mark.parametrize(("age_seconds", "num_documents"), [(-10, 1), (10, 2)])
def test_answer_is_kept_for_a_day(
    client: TestClient, database: Database, age_seconds: int, num_documents: int
) -> None:
    """Afterwards the key is as good as new."""
    upload(client)
    age(database, DAY + timedelta(seconds=age_seconds))

    assert upload(client).status_code == 202
    assert count(database, Document) == num_documents


def test_sweep_forgets_what_is_over_and_nothing_else(
    client: TestClient, database: Database
) -> None:
    """Rows do not pile up."""
    upload(client)
    with database.writing() as session:
        idempotency.sweep(session, utc_now() + DAY - timedelta(minutes=1))
    kept = count(database, IdempotencyKey)
    with database.writing() as session:
        idempotency.sweep(session, utc_now() + DAY + timedelta(minutes=1))

    assert (kept, count(database, IdempotencyKey)) == (1, 0)
