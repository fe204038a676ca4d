"""Messages to the broker: sent after the commit, sent again by the sweeper, never a hang."""

import base64
import json
import os
import socket
import sqlite3
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
import redis
from fastapi.testclient import TestClient
from kombu.exceptions import OperationalError
from sqlalchemy.exc import OperationalError as DatabaseError
from sqlalchemy.orm import Session

from app import leases
from app.clock import utc_now
from app.db import Database
from app.dispatch import TRAIN_DOCUMENT, Dispatcher, queue_of
from app.leases import HeldLease
from app.main import create_app
from app.models import JobState
from app.outbox import Sweeper, dispatch, expire, send_waiting
from app.settings import Settings
from app.silence import Silence
from app.storage import source_key
from app.storage.folder import FolderStore
from tests.conftest import DEAD_BROKER
from tests.fakes import FakeAnswerer
from tests.rows import MINUTE, NOON, add_job, claim, get_job
from tests.waiting import wait_until

_HANG_SECONDS = 60.0
"""What only a real hang takes, however busy the machine is."""


@pytest.fixture
def broker(valkey_url: str) -> Iterator[redis.Redis]:
    """The broker itself, empty."""
    path = valkey_url.removeprefix("redis+socket://").partition("?")[0]
    with redis.Redis(unix_socket_path=path) as client:
        client.flushall()
        yield client


@pytest.fixture
def dispatcher(valkey_url: str, broker: redis.Redis) -> Iterator[Dispatcher]:
    """A dispatcher to an empty broker."""
    dispatcher = Dispatcher(valkey_url, longest_task_seconds=60)
    yield dispatcher
    dispatcher.close()


@pytest.fixture
def lost_dispatcher() -> Iterator[Dispatcher]:
    """A dispatcher to a broker that is away."""
    dispatcher = Dispatcher(DEAD_BROKER, longest_task_seconds=60)
    yield dispatcher
    dispatcher.close()


def take_arguments(broker: redis.Redis, kind: str | None = None) -> list[Any]:
    """Take all messages from a queue and return what they carry, the first one first."""
    taken = [json.loads(message) for message in broker.rpop(queue_of(kind), 100) or []]
    assert {message["content-type"] for message in taken} <= {"application/json"}
    assert {message["headers"]["task"] for message in taken} <= {TRAIN_DOCUMENT}
    return [json.loads(base64.b64decode(message["body"]))[:2] for message in taken]


def test_message_carries_the_job_id_only(
    sqlite: Database, dispatcher: Dispatcher, broker: redis.Redis
) -> None:
    """What goes to the broker is JSON with one id, and the row notes that it was sent."""
    job_id = add_job(sqlite)

    assert dispatch(sqlite, dispatcher, job_id)

    assert take_arguments(broker) == [[[job_id], {}]]
    assert get_job(sqlite, job_id).dispatched_at is not None


def test_upload_dispatches_its_job(
    sqlite: Database, settings: Settings, broker: redis.Redis, valkey_url: str
) -> None:
    """An upload's message is sent when its row is committed."""
    with_broker = settings.model_copy(update={"broker_url": valkey_url})
    with TestClient(
        create_app(with_broker, lambda _: FakeAnswerer()), "http://127.0.0.1"
    ) as client:
        client.post("/documents", json={"text": "x"})

    (((job_id,), _),) = take_arguments(broker)
    assert get_job(sqlite, job_id).dispatched_at is not None


def test_absent_broker_is_told_at_once(sqlite: Database, lost_dispatcher: Dispatcher) -> None:
    """A broker that refuses connections costs no time and no exception."""
    job_id = add_job(sqlite)
    started = time.monotonic()

    assert not dispatch(sqlite, lost_dispatcher, job_id)

    assert time.monotonic() - started < _HANG_SECONDS
    assert get_job(sqlite, job_id).dispatched_at is None


def test_silent_broker_does_not_hang() -> None:
    """A broker that takes connections and never answers is given up in seconds."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        dispatcher = Dispatcher(f"redis://127.0.0.1:{port}/0", longest_task_seconds=60)
        started = time.monotonic()

        assert not dispatcher.send("job_1", None)

        assert time.monotonic() - started < _HANG_SECONDS
        dispatcher.close()


def test_ping_tells_whether_the_broker_is_there(
    dispatcher: Dispatcher, lost_dispatcher: Dispatcher
) -> None:
    """Readiness asks the broker itself."""
    dispatcher.ping()
    with pytest.raises(OperationalError):
        lost_dispatcher.ping()


def test_sweep_sends_what_was_never_sent(
    sqlite: Database, dispatcher: Dispatcher, broker: redis.Redis
) -> None:
    """Jobs that were queued while the broker was away are sent once it is back, and only once."""
    job_ids = [add_job(sqlite) for _ in range(2)]

    send_waiting(sqlite, dispatcher, utc_now())
    send_waiting(sqlite, dispatcher, utc_now())

    assert take_arguments(broker) == [[[job_id], {}] for job_id in job_ids]


def test_sweep_takes_jobs_from_vanished_workers(
    sqlite: Database, dispatcher: Dispatcher, broker: redis.Redis
) -> None:
    """A job whose lease is not renewed waits again, and its message is sent."""
    job_id = add_job(sqlite)
    claim(sqlite, job_id)
    silence = Silence(0.1)

    expire(sqlite, silence, 3, NOON)
    assert get_job(sqlite, job_id).state == JobState.RUNNING
    time.sleep(0.1)
    expire(sqlite, silence, 3, NOON)
    send_waiting(sqlite, dispatcher, NOON + 2 * MINUTE)

    assert get_job(sqlite, job_id).state == JobState.QUEUED
    assert take_arguments(broker) == [[[job_id], {}]]


@pytest.mark.parametrize("kind", [None, "cuda"])
def test_sweep_sends_again_what_the_broker_lost(
    sqlite: Database, dispatcher: Dispatcher, broker: redis.Redis, kind: str | None
) -> None:
    """A broker that was wiped gets the messages of all jobs that still wait, within seconds."""
    job_id, sent_at = _sent(sqlite, dispatcher, kind)
    broker.flushall()

    send_waiting(sqlite, dispatcher, sent_at + timedelta(seconds=6))

    assert take_arguments(broker, kind) == [[[job_id], {}]]


def test_queue_may_be_longer_than_a_statement_has_parameters(
    sqlite: Database, dispatcher: Dispatcher, broker: redis.Redis
) -> None:
    """However many jobs wait, a wiped broker gets the messages of all of them."""
    sent = [_sent(sqlite, dispatcher, None) for _ in range(9)]
    broker.flushall()
    with sqlite.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 8)

    send_waiting(sqlite, dispatcher, sent[-1][1] + timedelta(seconds=6))

    assert take_arguments(broker) == [[[job_id], {}] for job_id, _ in sent]


def test_sweep_trusts_a_broker_that_has_messages(
    sqlite: Database, dispatcher: Dispatcher, broker: redis.Redis
) -> None:
    """A long queue is not sent again and again."""
    job_id, sent_at = _sent(sqlite, dispatcher, None)

    send_waiting(sqlite, dispatcher, sent_at + timedelta(minutes=9))

    assert take_arguments(broker) == [[[job_id], {}]]


def test_sweep_sends_again_what_waits_long(
    sqlite: Database, dispatcher: Dispatcher, broker: redis.Redis
) -> None:
    """Messages expire: a job that waits longer gets another one, whatever the broker holds."""
    job_id, sent_at = _sent(sqlite, dispatcher, None)

    send_waiting(sqlite, dispatcher, sent_at + timedelta(minutes=11))

    assert take_arguments(broker) == [[[job_id], {}]] * 2


def _sent(database: Database, dispatcher: Dispatcher, kind: str | None) -> tuple[str, datetime]:
    """Queue a job and send its message; return when."""
    job_id = add_job(database, kind=kind)
    assert dispatch(database, dispatcher, job_id)
    sent_at = get_job(database, job_id).dispatched_at
    assert sent_at is not None
    return job_id, sent_at


def test_sweeper_survives_a_failing_sweep(
    sqlite: Database, dispatcher: Dispatcher, store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fails in one sweep is tried again in the next."""
    calls: list[str] = []

    def fail_once(job_id: str, _: str | None) -> bool:
        calls.append(job_id)
        if len(calls) == 1:
            raise RuntimeError
        return True

    monkeypatch.setattr(dispatcher, "send", fail_once)
    job_id = add_job(sqlite)
    sweeper = Sweeper(
        sqlite, dispatcher, store, max_attempts=3, pause_seconds=0.05, lease_seconds=9
    )
    sweeper.start()
    wait_until(lambda: get_job(sqlite, job_id).dispatched_at)
    sweeper.stop()

    assert calls == [job_id, job_id]


def test_workers_may_renew_before_leases_expire_behind_an_absence_of_the_database(
    sqlite: Database,
    lost_dispatcher: Dispatcher,
    store: FolderStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody could renew while the database was away: that takes no job from anybody."""
    job_id = add_job(sqlite)
    claim(sqlite, job_id)
    sweeps: list[float] = []
    find_held = leases.find_held

    def away_for_a_while(session: Session) -> list[HeldLease]:
        sweeps.append(time.monotonic())
        if 1.0 < sweeps[-1] - sweeps[0] < 3.0:
            raise DatabaseError("", None, Exception("it is away"))
        return find_held(session)

    monkeypatch.setattr(leases, "find_held", away_for_a_while)
    sweeper = Sweeper(
        sqlite, lost_dispatcher, store, max_attempts=3, pause_seconds=0.05, lease_seconds=2.0
    )
    sweeper.start()
    wait_until(lambda: get_job(sqlite, job_id).state != JobState.RUNNING)
    sweeper.stop()

    assert sweeps[-1] - sweeps[0] > 4.9


def test_sweeper_tidies_the_store(
    sqlite: Database, dispatcher: Dispatcher, store: FolderStore
) -> None:
    """What a killed process left half-written long ago goes when the server starts; no document."""
    with store.incoming() as path:
        abandoned = path.with_name("tmp_left")
        abandoned.write_bytes(b"x")
    document = store.path(source_key("doc_" + "z" * 26))
    store.put(source_key("doc_" + "z" * 26), BytesIO(b"x"))
    for old in (abandoned, document, document.parent):
        os.utime(old, (0, 0))
    sweeper = Sweeper(
        sqlite, dispatcher, store, max_attempts=3, pause_seconds=3600, lease_seconds=9
    )

    sweeper.start()
    wait_until(lambda: not abandoned.exists())
    sweeper.stop()

    assert document.exists()
