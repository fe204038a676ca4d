"""Counts of what became of jobs, added up in the database: right for any number of processes.

They are changed in the transaction that changes the job, survive every restart, and stay when
documents go. Call `add` behind all other changes of a transaction: who waits for a count holds the
rows already that others may want.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.models import Job, JobState, Total


class Name(StrEnum):
    """What is counted."""

    ATTEMPTS_BEGUN = "attempts_begun"
    ATTEMPTS_ENDED = "attempts_ended"
    """By `AttemptEnd`."""
    JOBS_ENDED = "jobs_ended"
    """By the state that they ended in; a job that is tried again may end again."""
    STAGES_ENDED = "stages_ended"
    """By stage; those that were broken off are not counted, nor is their time."""
    STAGE_SECONDS = "stage_seconds"
    """By stage."""
    TRAINING_STEPS = "training_steps"
    TRAINING_TOKENS = "training_tokens"
    """What was computed, steps that were taken twice included."""


class AttemptEnd(StrEnum):
    """How an attempt ended."""

    READY = "ready"
    FAILED = "failed"
    LEASE_EXPIRED = "lease_expired"
    """Its worker vanished."""
    RELEASED = "released"
    """Its worker had to stop, and gave it back."""
    CANCELLED = "cancelled"
    """By a user, or by deleting its document."""


class Count(NamedTuple):
    """What is added to which count."""

    name: Name
    label: str
    value: float


def add(session: Session, *counts: Count) -> None:
    """Add to counts."""
    summed: dict[tuple[Name, str], float] = {}
    for name, label, value in counts:
        summed[name, label] = summed.get((name, label), 0.0) + value
    for (name, label), value in sorted(summed.items()):  # in one order: nobody waits in a circle
        _add(session, name, label, value)


def read(session: Session) -> Mapping[Name, dict[str, float]]:
    """Return all counts, by name and label; those of a later version are left out."""
    found: dict[Name, dict[str, float]] = {name: {} for name in Name}
    for row in session.scalars(select(Total).where(Total.name.in_(list(Name)))):
        found[Name(row.name)][row.label] = row.value
    return found


def attempt_ended(end: AttemptEnd, state: str | None = None) -> list[Count]:
    """Return what counts the end of an attempt, and that of the job if it is over."""
    counts = [Count(Name.ATTEMPTS_ENDED, end, 1)]
    if state in (JobState.READY, JobState.FAILED, JobState.CANCELLED):
        counts.append(Count(Name.JOBS_ENDED, state, 1))
    return counts


def stage_ended(session: Session, job_id: str, now: datetime) -> list[Count]:
    """Return what counts the end of the stage that a job is in; its row has to be held."""
    own = select(Job.stage, Job.stage_started_at).where(Job.id == job_id)
    stage, started_at = session.execute(own).one()
    if stage is None or started_at is None:
        return []
    seconds = max(0.0, (now - started_at).total_seconds())
    return [Count(Name.STAGES_ENDED, stage, 1), Count(Name.STAGE_SECONDS, stage, seconds)]


def _add(session: Session, name: Name, label: str, value: float) -> None:
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    insert: Any = sqlite.insert if is_sqlite else postgresql.insert
    row = insert(Total).values(name=name, label=label, value=value)
    added = {"value": Total.value + row.excluded.value}
    session.execute(row.on_conflict_do_update(index_elements=["name", "label"], set_=added))
