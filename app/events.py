"""The events of a document's jobs: added under the job's row, read in their order."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import errors
from app.models import Event, EventKind, Job

_MOST_METRICS = 500
_MOST_DIGITS = 18  # all such numbers fit the column


def add(
    session: Session, job_id: str, kind: EventKind, data: dict[str, Any], now: datetime
) -> None:
    """Add an event of a job whose row this transaction holds."""
    session.add(Event(job_id=job_id, kind=kind, data=data, created_at=now))


def read_id(given: str | None) -> int:
    """Return the number of an event whose id went out as a string; 0, before all, for none.

    Raises:
        InvalidCursorError: no event has such an id.
    """
    if not given:
        return 0
    if not (given.isascii() and given.isdigit() and len(given) <= _MOST_DIGITS):
        raise errors.InvalidCursorError
    return int(given)


def find_after(session: Session, document_id: str, after: int, limit: int) -> Sequence[Event]:
    """Return at most `limit` events of a document behind the one with id `after`, oldest first."""
    own = select(Job.id).where(Job.document_id == document_id)
    later = select(Event).where(Event.job_id.in_(own), Event.id > after)
    return session.scalars(later.order_by(Event.id).limit(limit)).all()


def metrics(session: Session, job: Job) -> list[Event]:
    """Return figures of a job's training: of all optimiser steps, or of so many of them that a
    curve can show, evenly chosen, the first and the last among them.

    Of a step that was taken again after an interruption the last figures count.
    """
    taken = select(Event).where(Event.job_id == job.id, Event.kind == EventKind.METRIC)
    by_step = {event.data["step"]: event for event in session.scalars(taken.order_by(Event.id))}
    return _thinned([by_step[step] for step in sorted(by_step)], _MOST_METRICS)


def _thinned(events: list[Event], most: int) -> list[Event]:
    if len(events) <= most:
        return events
    return [events[index * (len(events) - 1) // (most - 1)] for index in range(most)]
