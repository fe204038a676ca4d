"""How long workers trained for whom: measured in the job's row, added up by owner and day.

Kept apart from the documents, so that deleting one gives no time back.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.models import Document, Job, JobState, TrainingUse

WINDOW_DAYS = 30


class Use(NamedTuple):
    """How long one attempt has run."""

    job_id: str
    owner: str
    seconds: float


def measure(session: Session, job_ids: Iterable[str], now: datetime) -> list[Use]:
    """Say how long the attempts at these jobs run by now, those of them that run, and hold them.

    An attempt counts up to the end of its lease at most. Both its moments are by the worker's own
    clock, so another machine's clock that is wrong charges nobody for years.
    """
    columns: Any = (Job.id, Document.owner, Job.started_at, Job.lease_expires_at)
    running = (
        select(*columns)
        .join(Document, Document.id == Job.document_id)
        .where(Job.id.in_(list(job_ids)), Job.state == JobState.RUNNING)
        .order_by(Job.id)
        .with_for_update(of=Job)
    )
    return [
        Use(job_id, owner, _seconds(started_at, lease_expires_at, now))
        for job_id, owner, started_at, lease_expires_at in session.execute(running)
    ]


def charge(session: Session, uses: Iterable[Use], now: datetime) -> None:
    """Add what attempts have used to their owners' day.

    Call it behind all other changes of the transaction: who waits for an owner's row holds the
    jobs already that others may want.
    """
    by_owner: dict[str, float] = {}
    for use in uses:
        by_owner[use.owner] = by_owner.get(use.owner, 0.0) + use.seconds
    for owner, seconds in sorted(by_owner.items()):
        _add(session, owner, seconds, now)


def total_seconds(session: Session, owner: str, now: datetime) -> float:
    """Return how long was trained for an owner today and on the days of the window before."""
    first = now.date() - timedelta(days=WINDOW_DAYS - 1)
    used = select(func.coalesce(func.sum(TrainingUse.seconds), 0.0))
    in_window = used.where(TrainingUse.owner == owner, TrainingUse.day >= first)
    return float(session.scalars(in_window).one())


def _seconds(started_at: datetime, lease_expires_at: datetime, now: datetime) -> float:
    return max(0.0, (min(now, lease_expires_at) - started_at).total_seconds())


def _add(session: Session, owner: str, seconds: float, now: datetime) -> None:
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    insert: Any = sqlite.insert if is_sqlite else postgresql.insert
    day = insert(TrainingUse).values(owner=owner, day=now.date(), seconds=seconds)
    added = {"seconds": TrainingUse.seconds + day.excluded.seconds}
    session.execute(day.on_conflict_do_update(index_elements=["owner", "day"], set_=added))
