"""What is new of a document: one short look for whoever waits for the next change."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import documents, errors, events
from app.models import Event, Job, JobState

_BATCH = 200
_ACTIVE = (JobState.QUEUED, JobState.RUNNING)


class News(NamedTuple):
    """What happened to a document since one last looked."""

    events: Sequence[Event]
    """The oldest of the new ones."""
    is_all: bool
    """There are no newer ones yet."""
    is_over: bool
    """Nothing more will happen by itself."""


class Standing(NamedTuple):
    """Where the newest version of a document stands."""

    version: int
    state: JobState
    attempt: int
    stage: str | None
    completed: int | None

    @property
    def is_over(self) -> bool:
        """Say whether nothing more will happen by itself."""
        return self.state not in _ACTIVE


def find_news(session: Session, document_id: str, after: int) -> News | None:
    """Return what came behind the event `after`; None if there is no such document."""
    standing = find_standing(session, document_id)  # first: an end brings its event with it
    if standing is None:
        return None
    found = events.find_after(session, document_id, after, _BATCH)
    return News(found, len(found) < _BATCH, standing.is_over)


def require_news(session: Session, document_id: str, after: int) -> News:
    """Return what came behind the event `after`.

    Raises:
        DocumentNotFoundError: there is no such document.
    """
    news = find_news(session, document_id, after)
    if news is None:
        raise errors.DocumentNotFoundError(f"there is no document {document_id!r}")
    return news


def find_standing(session: Session, document_id: str) -> Standing | None:
    """Return where a document stands; None if there is no such document."""
    if not documents.is_id(document_id):
        return None
    columns: Any = (Job.version, Job.state, Job.attempt, Job.stage, Job.completed)
    own = select(*columns).where(Job.document_id == document_id)
    row = session.execute(own.order_by(Job.version.desc()).limit(1)).one_or_none()
    return Standing(*row) if row else None
