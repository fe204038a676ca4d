"""Brings queued jobs to the broker: at once after a commit, or later if it was away.

The rows are the truth, so any number of processes may do this at the same time.
"""

import threading
import time
from datetime import datetime, timedelta

import structlog

from app import jobs
from app.clock import utc_now
from app.db import Database
from app.dispatch import RESEND_SECONDS, Dispatcher
from app.storage import Store

_TIDY_SECONDS = 3600.0
_log = structlog.get_logger()


def dispatch(database: Database, dispatcher: Dispatcher, job_id: str) -> bool:
    """Send one queued job's message; False if the broker is away and a sweep has to do it."""
    sent = dispatcher.send(job_id)
    if sent:
        with database.writing() as session:
            jobs.mark_dispatched(session, job_id, utc_now())
    return sent


def sweep(database: Database, dispatcher: Dispatcher, max_attempts: int, now: datetime) -> None:
    """Take jobs from vanished workers, and send all that wait and were not sent."""
    with database.writing() as session:
        num_expired = jobs.expire(session, max_attempts, now)
    if num_expired:
        _log.warning("leases_expired", num_jobs=num_expired)
    with database.reading() as session:
        unsent = jobs.find_unsent(session, now, timedelta(seconds=RESEND_SECONDS))
    for job_id in unsent:
        if not dispatch(database, dispatcher, job_id):
            return  # the broker is away for the others, too


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
    ) -> None:
        self._database, self._dispatcher, self._store = database, dispatcher, store
        self._max_attempts, self._pause_seconds = max_attempts, pause_seconds
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
                sweep(self._database, self._dispatcher, self._max_attempts, utc_now())
                if time.monotonic() >= tidy_at:
                    tidy_at = time.monotonic() + _TIDY_SECONDS
                    self._store.discard_abandoned()
            except Exception:
                # The thread's edge: a database or disk that is away now may be back next time.
                _log.exception("sweep_failed")
            if self._stopping.wait(self._pause_seconds):
                return
