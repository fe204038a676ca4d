"""Which waiting job is next: fair between owners, and the same for every worker that asks."""

from collections.abc import Mapping
from functools import cache

from sqlalchemy import ColumnElement, Select, Subquery, func, nulls_first, select
from sqlalchemy.orm import Session

from app.models import Document, Job, JobState


def find_next(session: Session, device_kind: str | None) -> str | None:
    """Return the first of the waiting jobs that ask for this kind of device; None without any."""
    return session.scalars(_first_for(device_kind)).first()


def find_positions(session: Session) -> Mapping[str, int]:
    """Return each waiting job's place among all that wait, from 1."""
    owners = select(Document.owner).join(Job).where(Job.state == JobState.QUEUED).distinct()
    takes_turns = len(session.scalars(owners.limit(2)).all()) > 1
    line = session.scalars(_in_order() if takes_turns else _in_order_of_one_owner())
    return {job_id: place for place, job_id in enumerate(line, start=1)}


@cache  # to build it takes longer than to carry it out
def _first_for(device_kind: str | None) -> Select[str]:
    asks_for = Job.device_kind.is_(None) if device_kind is None else Job.device_kind == device_kind
    return _in_order(asks_for).limit(1)


def _in_order(*conditions: ColumnElement[bool]) -> Select[str]:
    """Select the waiting jobs' ids: by priority, then owners in turn, each one's oldest first.

    An owner's turn comes later by each job of theirs that runs or is before in the line; between
    owners at the same turn, the one whose last start is longest ago goes first.
    """
    running, started = _per_owner()
    turn = func.row_number().over(
        partition_by=(Document.owner, Job.priority), order_by=Job.id
    ) + func.coalesce(running.c.num_jobs, 0)
    return (
        select(Job.id)
        .join(Document, Document.id == Job.document_id)
        .outerjoin(running, running.c.owner == Document.owner)
        .outerjoin(started, started.c.owner == Document.owner)
        .where(Job.state == JobState.QUEUED, *conditions)
        .order_by(Job.priority.desc(), turn, nulls_first(started.c.last_start), Job.id)
    )


def _in_order_of_one_owner() -> Select[str]:
    """Select the same as `_in_order` where one owner waits alone; it looks at nothing that is over.

    Only what is shown is read so: what a worker claims is always told by the whole order.
    """
    waiting = select(Job.id).where(Job.state == JobState.QUEUED)
    return waiting.order_by(Job.priority.desc(), Job.id)


def _per_owner() -> tuple[Subquery, Subquery]:
    """Return each owner's running jobs, and the last moment when one of their jobs began."""
    owned = (
        select(Document.owner).join(Job, Job.document_id == Document.id).group_by(Document.owner)
    )
    running = owned.add_columns(func.count().label("num_jobs"))
    started = owned.add_columns(func.max(Job.started_at).label("last_start"))
    return running.where(Job.state == JobState.RUNNING).subquery(), started.subquery()
