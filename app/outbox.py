"""Brings queued jobs to the broker: at once after a commit, or later if it was away.

The rows are the truth, so any number of processes may do this at the same time.
"""

import threading
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from kombu.exceptions import OperationalError as BrokerError
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from structlog.contextvars import bound_contextvars

from app import idempotency, jobs, leases
from app.clock import utc_now
from app.db import Database, after_commit
from app.dispatch import MISSING_SECONDS, RESEND_SECONDS, Dispatcher
from app.models import Job, JobState
from app.silence import Silence
from app.storage import Store

_TIDY_SECONDS = 3600.0
_log = structlog.get_logger()


def dispatch(database: Database, dispatcher: Dispatcher, job_id: str) -> bool:
    """Send one queued job's message; False if the broker is away and a sweep has to do it."""
    columns: Any = (Job.device_kind, Job.request_id)
    with database.reading() as session:
        found = session.execute(select(*columns).where(Job.id == job_id)).one_or_none()
    device_kind, request_id = found or (None, None)
    with bound_contextvars(**({"request_id": request_id} if request_id else {})):
        sent = dispatcher.send(job_id, device_kind)
    if sent:
        with database.writing() as session:
            jobs.mark_dispatched(session, job_id, utc_now())
    return sent


def dispatch_after_commit(
    session: Session, database: Database, dispatcher: Dispatcher, job: Job
) -> None:
    """Send a job's message once the transaction is committed, if it waits and was not sent."""
    if job.state == JobState.QUEUED and job.dispatched_at is None:
        after_commit(session, partial(dispatch, database, dispatcher, job.id))


def expire(database: Database, silence: Silence, max_attempts: int, now: datetime) -> None:
    """Take jobs from vanished workers."""
    with database.reading() as session:
        silent = silence.find(leases.find_held(session))
    if not silent:
        return
    with database.writing() as session:
        num_expired = jobs.expire(session, silent, max_attempts, now)
    if num_expired:
        _log.warning("leases_expired", num_jobs=num_expired)


def send_waiting(database: Database, dispatcher: Dispatcher, now: datetime) -> None:
    """Send all jobs that wait and were not sent, or whose message the broker has lost."""
    with database.reading() as session:
        unsent = jobs.find_unsent(session, now - timedelta(seconds=RESEND_SECONDS))
        suspects = jobs.find_unsent(session, now - timedelta(seconds=MISSING_SECONDS))
    lost = [] if set(suspects) <= set(unsent) else _without_message(database, dispatcher, suspects)
    for job_id in dict.fromkeys([*unsent, *lost]):
        if not dispatch(database, dispatcher, job_id):
            return  # the broker is away for the others, too


def _without_message(
    database: Database, dispatcher: Dispatcher, job_ids: Sequence[str]
) -> list[str]:
    """Return those of the waiting jobs for whose kind of device no message waits at all.

    A worker that is busy holds back as many messages as it trains jobs, not more.
    """
    waiting = select(Job.id, Job.device_kind).where(Job.state == JobState.QUEUED)
    with database.reading() as session:  # not by ids: no database takes any number of them
        found = session.execute(waiting.order_by(Job.id)).all()
    try:
        empty = {kind for kind in {kind for _, kind in found} if not dispatcher.has_messages(kind)}
    except (BrokerError, OSError):
        return []
    suspects = set(job_ids)
    return [job_id for job_id, kind in found if kind in empty and job_id in suspects]


class Sweeper:
    """A thread that sweeps now and then, and tidies the store, until it is stopped."""

    def __init__(
        self,
        database: Database,
        dispatcher: Dispatcher,
        store: Store,
        *,
        max_attempts: int,
        pause_seconds: float,
        lease_seconds: float,
    ) -> None:
        self._database, self._dispatcher, self._store = database, dispatcher, store
        self._max_attempts, self._pause_seconds = max_attempts, pause_seconds
        self._silence = Silence(lease_seconds)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        """Begin with a first sweep now."""
        self._thread.start()

    def stop(self) -> None:
        """End after the sweep that is going on."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        tidy_at = time.monotonic()
        while True:
            try:
                expire(self._database, self._silence, self._max_attempts, utc_now())
                send_waiting(self._database, self._dispatcher, utc_now())
                if time.monotonic() >= tidy_at:
                    tidy_at = time.monotonic() + _TIDY_SECONDS
                    with self._database.writing() as session:
                        idempotency.sweep(session, utc_now())
                    self._store.discard_abandoned()
            except OperationalError as error:
                # No worker could renew its lease meanwhile: each gets the time to do so.
                self._silence.forget()
                _log.warning("database_away", error=str(error.orig))
            except Exception:
                # The thread's edge: a disk that is full now may have room next time.
                _log.exception("sweep_failed")
            if self._stopping.wait(self._pause_seconds):
                return
