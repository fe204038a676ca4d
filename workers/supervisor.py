"""Sees one job through one attempt: takes it, has a trainer work on it, keeps the lease, reports.

The trainer is a process of its own, so that whatever happens to it (a crash, no memory, a hang)
ends the attempt and neither this worker nor, on an accelerator, its successor. Imports no torch.
"""

import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app import documents, jobs
from app.clock import utc_now
from app.db import Database
from app.jobs import Failure
from app.leases import Lease, LeaseLostError, require_valid
from app.models import Document, Job
from app.settings import Settings
from app.storage import Store
from workers.origin import Claimed, attempted
from workers.patience import write_patiently
from workers.process import TrainerProcess
from workers.warm import WarmTrainer

_LOOK_SECONDS = 1.0
_LEAVE_SECONDS = 5.0  # for a trainer to find out by itself that the job is over
_log = structlog.get_logger()


class OverError(Exception):
    """The attempt may not go on."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.detail)
        self.failure = failure


def supervise(
    database: Database, store: Store, settings: Settings, job_id: str, trainers: WarmTrainer
) -> None:
    """Have a trainer work on the job that is next, until it ends or may not go on.

    `job_id` is what the message named: a sign that a job waits there. The attempt ends in the row,
    whatever happens here: what interrupts this function, such as a worker that has to stop, gives
    the job back.
    """
    claimed = _claim(database, settings, job_id)
    if claimed is None:
        _log.info("no_job_waits", message_job_id=job_id)
        return
    with attempted(claimed) as names:
        _see_through(database, store, settings, claimed, trainers, names)


def _see_through(
    database: Database,
    store: Store,
    settings: Settings,
    claimed: Claimed,
    trainers: WarmTrainer,
    names: Mapping[str, str],
) -> None:
    lease = claimed.lease
    try:
        failure = _run(database, settings, lease, trainers, names)
        if failure:
            _report(database, settings, lease, failure)
    except LeaseLostError:
        _log.info("lease_lost", job_id=lease.job_id)
    except BaseException:
        _release(database, lease)
        raise
    finally:
        _discard_if_deleted(database, store, claimed.document_id)


def _claim(database: Database, settings: Settings, job_id: str) -> Claimed | None:
    """Begin an attempt at the job that is next; None without one."""
    duration = timedelta(seconds=settings.lease_seconds)

    def claim(session: Session) -> Claimed | None:
        kinds = session.scalars(select(Job.device_kind).where(Job.id == job_id)).all()
        if not kinds:  # its document was deleted
            return None
        lease = jobs.claim_next(session, kinds[0], utc_now(), duration)
        if lease is None:
            return None
        columns: Any = (Job.document_id, Job.attempt, Job.request_id, Job.trace_parent)
        return Claimed(
            lease, *session.execute(select(*columns).where(Job.id == lease.job_id)).one()
        )

    return write_patiently(database, claim)


def _run(
    database: Database,
    settings: Settings,
    lease: Lease,
    trainers: WarmTrainer,
    names: Mapping[str, str],
) -> Failure | None:
    """Return the failure that the attempt's end is if no result was written; None for no failure.

    A worker that has to stop gives the trainer time to save its work; one whose time is up, none.
    """
    over: Failure | None = None
    with trainers.lent(settings.grace_seconds) as trainer:
        trainer.begin(lease, names)
        _log.info("attempt_started", pid=trainer.pid)
        try:
            _watch(database, settings, lease, trainer)
        except (OverError, LeaseLostError) as error:
            trainer.stop(0.0)
            if isinstance(error, LeaseLostError):
                raise
            over = error.failure
    if over or trainer.is_free:
        return over
    return Failure("trainer_died", trainer.describe_end(), retryable=True)


def _watch(database: Database, settings: Settings, lease: Lease, trainer: TrainerProcess) -> None:
    """Wait for the end of the trainer's attempt.

    Raises:
        OverError: it takes too long, or too much memory.
        LeaseLostError: the job was cancelled, deleted, or given to another.
    """
    now = time.monotonic()
    deadline, renew_at = now + settings.job_timeout_seconds, now + settings.heartbeat_seconds
    while not trainer.has_ended_attempt(min(_LOOK_SECONDS, settings.heartbeat_seconds)):
        _require_limits(settings, trainer, deadline)
        try:
            if time.monotonic() >= renew_at:
                renew_at = time.monotonic() + settings.heartbeat_seconds
                _renew(database, settings, lease)
            else:
                _require_valid(database, lease)
        except LeaseLostError:
            if not trainer.has_ended_attempt(_LEAVE_SECONDS):
                raise
            return


def _require_limits(settings: Settings, trainer: TrainerProcess, deadline: float) -> None:
    if time.monotonic() > deadline:
        detail = f"Training took longer than {settings.job_timeout_seconds:g} seconds."
        raise OverError(Failure("timed_out", detail, retryable=False))
    most = settings.trainer_memory_bytes
    if most and (held := trainer.resident_bytes()) > most:
        raise OverError(
            Failure(
                "memory_limit",
                f"The trainer held {held} bytes; LIFT_TRAINER_MEMORY_BYTES allows {most}.",
                retryable=False,
            )
        )


def _require_valid(database: Database, lease: Lease) -> None:
    with suppress(OperationalError), database.reading() as session:
        require_valid(session, lease)


def _renew(database: Database, settings: Settings, lease: Lease) -> None:
    try:
        with database.writing() as session:
            jobs.renew(session, lease, utc_now(), timedelta(seconds=settings.lease_seconds))
    except OperationalError as error:
        # Nobody else can claim the job either while the database is away.
        _log.warning("lease_not_renewed", job_id=lease.job_id, error=str(error.orig))


def _report(database: Database, settings: Settings, lease: Lease, failure: Failure) -> None:
    """Write the failure, unless the trainer has written the attempt's end itself."""
    with suppress(LeaseLostError):
        most = settings.max_attempts
        write_patiently(
            database,
            lambda session: jobs.fail_attempt(session, lease, failure, most, utc_now()),
        )
        _log.warning("attempt_failed", job_id=lease.job_id, code=failure.code, error=failure.detail)


def _release(database: Database, lease: Lease) -> None:
    with suppress(LeaseLostError), database.writing() as session:
        jobs.release(session, lease, utc_now())
        _log.info("job_released", job_id=lease.job_id)


def _discard_if_deleted(database: Database, store: Store, document_id: str) -> None:
    """Delete what the trainer wrote for a document between its deletion and the trainer's end."""
    try:
        with database.reading() as session:
            is_deleted = session.get(Document, document_id) is None
    except OperationalError as error:
        _log.warning("files_unchecked", document_id=document_id, error=str(error.orig))
        return
    if is_deleted:
        documents.discard(store, document_id)
