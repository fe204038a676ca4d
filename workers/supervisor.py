"""Sees one attempt through: claims the job, runs a trainer, keeps the lease, reports the end.

The trainer is a process of its own, so that whatever happens to it (a crash, no memory, a hang)
ends the attempt and neither this worker nor, on an accelerator, its successor. Imports no torch.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

import structlog
from sqlalchemy.exc import OperationalError

from app import jobs
from app.clock import utc_now
from app.db import Database
from app.jobs import Failure, Lease, LeaseLostError
from app.settings import Settings
from workers.process import TrainerProcess

_log = structlog.get_logger()


def supervise(database: Database, settings: Settings, job_id: str, command: Sequence[str]) -> None:
    """Run `command` as the trainer of a waiting job, until it ends or may not go on.

    The attempt ends in the row, whatever happens here: what interrupts this function, such as a
    worker that has to stop, gives the job back untried.
    """
    lease = _claim(database, settings, job_id)
    if lease is None:
        _log.info("job_not_waiting", job_id=job_id)
        return
    try:
        with TrainerProcess(command, lease.token) as trainer:
            failure = _watch(database, settings, lease, trainer)
        _report(database, settings, lease, failure)
    except LeaseLostError:
        _log.info("lease_lost", job_id=job_id)
    except BaseException:
        _release(database, lease)
        raise


def _claim(database: Database, settings: Settings, job_id: str) -> Lease | None:
    with database.writing() as session:
        return jobs.claim(session, job_id, utc_now(), timedelta(seconds=settings.lease_seconds))


def _watch(
    database: Database, settings: Settings, lease: Lease, trainer: TrainerProcess
) -> Failure:
    """Wait for the trainer's end; return the failure that it is if no result was written."""
    _log.info("trainer_started", job_id=lease.job_id, pid=trainer.pid)
    deadline = time.monotonic() + settings.job_timeout_seconds
    while not trainer.ended_within(settings.heartbeat_seconds):
        if time.monotonic() > deadline:
            limit = f"{settings.job_timeout_seconds:g} seconds"
            return Failure("timed_out", f"Training took longer than {limit}.", retryable=False)
        _renew(database, settings, lease)
    return Failure("trainer_died", trainer.describe_end(), retryable=True)


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
        with database.writing() as session:
            jobs.fail_attempt(session, lease, failure, settings.max_attempts, utc_now())
        _log.warning("attempt_failed", job_id=lease.job_id, code=failure.code, error=failure.detail)


def _release(database: Database, lease: Lease) -> None:
    with suppress(LeaseLostError), database.writing() as session:
        jobs.release(session, lease)
        _log.info("job_released", job_id=lease.job_id)
