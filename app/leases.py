"""The right to write to a running job, and writes that need it. A stale lease writes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import CursorResult, Select, Update, select, update
from sqlalchemy.orm import Session

from app.models import Job, JobState


class LeaseLostError(Exception):
    """The job is no longer this attempt's: it was cancelled, deleted, or given to another."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write to a running job."""

    job_id: str
    token: str
    """Fencing token: another attempt has another."""


class HeldLease(NamedTuple):
    """A running job's lease as its row shows it."""

    job_id: str
    token: str
    expires_at: datetime
    """By the clock of the worker's machine."""


def change_own(session: Session, lease: Lease, **values: Any) -> None:
    """Change columns of a running job, and hold its row until the transaction ends.

    Raises:
        LeaseLostError: the lease is no longer valid; nothing was written.
    """
    own = update(Job).where(Job.id == lease.job_id, Job.lease_token == lease.token)
    if not change(session, own, **values):
        raise _lost(lease)


def hold(session: Session, lease: Lease) -> None:
    """Hold a running job's row until the transaction ends.

    Raises:
        LeaseLostError: the lease is no longer valid.
    """
    change_own(session, lease, lease_token=lease.token)


def require_valid(session: Session, lease: Lease) -> None:
    """Look whether the job is still this attempt's, and hold nothing.

    Raises:
        LeaseLostError: it is not.
    """
    own = select(Job.id).where(Job.id == lease.job_id, Job.lease_token == lease.token)
    if session.scalar(own) is None:
        raise _lost(lease)


def find_held(session: Session) -> list[HeldLease]:
    """Return the leases of all running jobs; each renewal changes them."""
    return [HeldLease(*row) for row in session.execute(_held())]


def hold_free(session: Session, seen: Sequence[HeldLease]) -> list[HeldLease]:
    """Return the leases that are still as they were seen, and hold their jobs' rows.

    But for rows that others hold: who holds many and waits for one more may wait in a circle.
    """
    own = _held().where(Job.id.in_([held.job_id for held in seen]))
    free = {HeldLease(*row) for row in session.execute(own.with_for_update(skip_locked=True))}
    return [held for held in seen if held in free]


def find_document_id(session: Session, lease: Lease) -> str:
    """Return the document of a job whose row is held."""
    return session.scalars(select(Job.document_id).where(Job.id == lease.job_id)).one()


def change(session: Session, statement: Update, **values: Any) -> int:
    """Carry out a conditional update; returns how many rows it met."""
    result = session.execute(
        statement.values(**values).execution_options(synchronize_session=False)
    )
    return cast(CursorResult[Any], result).rowcount


def _held() -> Select[str, str, datetime]:
    columns: Any = (Job.id, Job.lease_token, Job.lease_expires_at)
    return select(*columns).where(Job.state == JobState.RUNNING).order_by(Job.id)


def _lost(lease: Lease) -> LeaseLostError:
    return LeaseLostError(f"job {lease.job_id} is no longer this attempt's")
