"""Every change of a job's state: each a named function, each one conditional UPDATE.

queued → running → ready | failed | queued again; cancelled from the first two, and queued again
from failed and cancelled. A running job has a lease (`leases`); to cancel is to take it away. What
an attempt notes along its way stands in `attempts`.

PostgreSQL locks rows one by one. So that nobody waits in a circle, all take them in one order:

1. one job, or all of one document, the first version first (`documents.hold`). Who holds a job
   waits for no other document's: a claim that came too late lets go, an expiry leaves out what
   others hold (`leases.hold_free`);
2. the document, which is changed, deleted, or named by a new row, and so locked, too;
3. its owner's day (`training_use.charge`), then counts (`totals.add`), each in the order of keys.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Update, case, func, literal, null, or_, select, update
from sqlalchemy.orm import Session

from app import events, totals, training_use
from app.clock import new_id
from app.job_order import find_next
from app.leases import HeldLease, Lease, change, change_own, find_document_id, hold_free
from app.models import Adapter, Document, EventKind, Job, JobState, UtcDateTime
from app.origins import origin
from app.totals import AttemptEnd, Count, Name


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed."""

    code: str
    detail: str
    """One sentence for the document's owner."""
    retryable: bool
    """False if another attempt on the same document must fail, too."""


@dataclass(frozen=True, slots=True)
class PublishedAdapter:
    """An adapter's file as the store has it."""

    sha256: str
    size_bytes: int
    store_key: str
    base_fingerprint: str
    metadata: dict[str, str]
    quality: dict[str, Any] | None = None
    """A quality report's fields."""


def create(
    session: Session,
    document_id: str,
    preset: str,
    method: Mapping[str, Any],
    now: datetime,
    *,
    priority: int = 0,
    device_kind: str | None = None,
) -> Job:
    """Queue a new job for a document whose row is held or new, and which has no active one."""
    newest = session.scalar(select(func.max(Job.version)).where(Job.document_id == document_id))
    job = Job(
        id=new_id("job"),
        document_id=document_id,
        version=(newest or 0) + 1,
        preset=preset,
        method=dict(method),
        priority=priority,
        device_kind=device_kind,
        state=JobState.QUEUED,
        attempt=0,
        failed_attempts=0,
        pairs_tried=0,
        created_at=now,
        queued_at=now,
        **origin(),
    )
    session.add(job)
    return job


def mark_dispatched(session: Session, job_id: str, now: datetime) -> None:
    """Note that the broker took a message for a queued job."""
    change(session, _in_state(job_id, JobState.QUEUED), dispatched_at=now)


def find_unsent(session: Session, before: datetime) -> list[str]:
    """Return the queued jobs whose message was never sent, or before a moment."""
    unsent = or_(Job.dispatched_at.is_(None), Job.dispatched_at < before)
    waiting = select(Job.id).where(Job.state == JobState.QUEUED, unsent)
    return list(session.scalars(waiting.order_by(Job.id)))


def claim_next(
    session: Session, device_kind: str | None, now: datetime, duration: timedelta
) -> Lease | None:
    """Begin an attempt at the job that is next among those for `device_kind`; None without any.

    Of any number of callers at once, each gets another job.
    """
    while job_id := find_next(session, device_kind):
        if lease := claim(session, job_id, now, duration):
            return lease
    return None


def claim(session: Session, job_id: str, now: datetime, duration: timedelta) -> Lease | None:
    """Begin an attempt at a queued job; None if it is not queued any more.

    Of any number of callers at once, one gets the lease. What an earlier attempt has left, pairs
    and a checkpoint, is the new one's to go on from.
    """
    lease = Lease(job_id, secrets.token_hex(16))
    running = {"state": JobState.RUNNING, "attempt": Job.attempt + 1, "started_at": now}
    leased = {"lease_token": lease.token, "lease_expires_at": now + duration}
    queued = _in_state(job_id, JobState.QUEUED)
    with session.begin_nested() as claiming:
        if not change(session, queued, **running, **leased, **_NO_STAGE):
            claiming.rollback()  # PostgreSQL has locked the winner's row, and would keep it locked
            return None
    totals.add(session, Count(Name.ATTEMPTS_BEGUN, "", 1))
    return lease


def renew(session: Session, lease: Lease, now: datetime, duration: timedelta) -> None:
    """Keep the lease for another `duration`."""
    change_own(session, lease, lease_expires_at=now + duration)


def finish(
    session: Session, lease: Lease, adapter: PublishedAdapter, num_tokens: int, now: datetime
) -> None:
    """End the job with its adapter, in the caller's one transaction."""
    used = training_use.measure(session, [lease.job_id], now)
    ready = {"state": JobState.READY, "finished_at": now, "completed": Job.total}
    change_own(session, lease, **ready, checkpoint_key=None, **_NO_FAILURE, **_NO_LEASE)
    last_stage = totals.stage_ended(session, lease.job_id, now)
    document_id = find_document_id(session, lease)
    change(session, update(Document).where(Document.id == document_id), num_tokens=num_tokens)
    session.add(
        Adapter(
            id=new_id("adp"),
            document_id=document_id,
            job_id=lease.job_id,
            sha256=adapter.sha256,
            size_bytes=adapter.size_bytes,
            store_key=adapter.store_key,
            base_fingerprint=adapter.base_fingerprint,
            file_metadata=adapter.metadata,
            quality=adapter.quality,
            created_at=now,
        )
    )
    _tell_end(session, lease.job_id, JobState.READY, now)
    session.flush()
    training_use.charge(session, used, now)
    totals.add(session, *last_stage, *totals.attempt_ended(AttemptEnd.READY, JobState.READY))


def fail_attempt(
    session: Session, lease: Lease, failure: Failure, max_attempts: int, now: datetime
) -> None:
    """End the attempt: the job waits for another one, or has failed for good."""
    used = training_use.measure(session, [lease.job_id], now)
    change_own(session, lease, **_after_failure(failure, max_attempts, now))
    state = _tell_failure(session, lease.job_id, failure, now)
    training_use.charge(session, used, now)
    totals.add(session, *totals.attempt_ended(AttemptEnd.FAILED, state))


def release(session: Session, lease: Lease, now: datetime) -> None:
    """Give the job back, because its worker has to stop: that is no failure."""
    used = training_use.measure(session, [lease.job_id], now)
    waiting = {"state": JobState.QUEUED, "queued_at": now, "dispatched_at": None}
    change_own(session, lease, **waiting, **_NO_STAGE, **_NO_LEASE)
    training_use.charge(session, used, now)
    totals.add(session, *totals.attempt_ended(AttemptEnd.RELEASED))


def expire(session: Session, silent: Sequence[HeldLease], max_attempts: int, now: datetime) -> int:
    """End the attempts whose leases are still as they were seen; returns how many there were.

    Those whose rows somebody changes at the moment are left to the next sweep.
    """
    failure = Failure("worker_lost", "The worker that trained it vanished.", retryable=True)
    lost = hold_free(session, silent)
    used = training_use.measure(session, [held.job_id for held in lost], now)
    counts = list[Count]()
    for held in lost:
        own = Lease(held.job_id, held.token)
        change_own(session, own, **_after_failure(failure, max_attempts, now))
        state = _tell_failure(session, held.job_id, failure, now)
        counts += totals.attempt_ended(AttemptEnd.LEASE_EXPIRED, state)
    training_use.charge(session, used, now)
    totals.add(session, *counts)
    return len(lost)


def cancel(session: Session, job_id: str, now: datetime) -> bool:
    """End a job that waits or runs, whose attempt loses its lease; False if it was over."""
    used = training_use.measure(session, [job_id], now)
    active = _in_state(job_id, JobState.QUEUED, JobState.RUNNING)
    if not change(session, active, state=JobState.CANCELLED, finished_at=now, **_NO_LEASE):
        return False
    _tell_end(session, job_id, JobState.CANCELLED, now)
    training_use.charge(session, used, now)
    broken_off = [Count(Name.ATTEMPTS_ENDED, AttemptEnd.CANCELLED, len(used))] if used else []
    totals.add(session, *broken_off, Count(Name.JOBS_ENDED, JobState.CANCELLED, 1))
    return True


def retry(session: Session, job_id: str, now: datetime) -> bool:
    """Queue a failed or cancelled job again, to go on where it was; False if it is neither."""
    over = _in_state(job_id, JobState.FAILED, JobState.CANCELLED)
    waiting = {"state": JobState.QUEUED, "finished_at": None, "dispatched_at": None}
    asked = {"queued_at": now, "failed_attempts": 0, **origin()}
    if not change(session, over, **waiting, **asked, **_NO_STAGE, **_NO_FAILURE):
        return False
    events.add(session, job_id, EventKind.LOG, {"message": "queued again"}, now)
    return True


def forget_checkpoint(session: Session, job_id: str) -> str | None:
    """Give up going on where a job that is over was; returns the key of what it has left."""
    key = session.scalar(select(Job.checkpoint_key).where(Job.id == job_id))
    change(session, update(Job).where(Job.id == job_id), checkpoint_key=None)
    return key


_NO_LEASE: dict[str, Any] = {"lease_token": None, "lease_expires_at": None}
_NO_STAGE: dict[str, Any] = dict.fromkeys(
    ("stage", "completed", "total", "unit", "stage_started_at", "stage_start")
)
_NO_FAILURE: dict[str, Any] = {"error_code": None, "error": None, "retryable": None}


def _in_state(job_id: str, *states: JobState) -> Update:
    return update(Job).where(Job.id == job_id, Job.state.in_(states))


def _after_failure(failure: Failure, max_attempts: int, now: datetime) -> dict[str, Any]:
    again: ColumnElement[bool] = Job.failed_attempts + 1 < max_attempts
    final = literal(now, UtcDateTime())
    return {
        "state": case((again, JobState.QUEUED), else_=JobState.FAILED)
        if failure.retryable
        else JobState.FAILED,
        "finished_at": case((again, null()), else_=final) if failure.retryable else now,
        "failed_attempts": Job.failed_attempts + 1,
        "queued_at": now,
        "dispatched_at": None,
        "error_code": failure.code,
        "error": failure.detail,
        "retryable": failure.retryable,
        **_NO_LEASE,
    }


def _tell_end(session: Session, job_id: str, state: JobState, now: datetime) -> None:
    events.add(session, job_id, EventKind.DONE, {"status": state}, now)


def _tell_failure(session: Session, job_id: str, failure: Failure, now: datetime) -> str:
    """Tell of a failed attempt; returns the state that the job is in now."""
    state = session.scalars(select(Job.state).where(Job.id == job_id)).one()
    data = {"code": failure.code, "detail": failure.detail, "status": state}
    events.add(session, job_id, EventKind.ERROR, data, now)
    return state
