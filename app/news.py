"""What is new of documents: short looks for those who wait for the next change."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from app import documents, events
from app.models import Event, Job, JobState

_BATCH = 200
_ACTIVE = (JobState.QUEUED, JobState.RUNNING)


class Standing(NamedTuple):
    """Where the newest version of a document stands: whatever happens to it changes something."""

    version: int
    state: JobState
    attempt: int
    stage: str | None
    completed: int | None
    last_event: int | None

    @property
    def is_over(self) -> bool:
        """Say whether nothing more will happen by itself."""
        return self.state not in _ACTIVE


class News(NamedTuple):
    """What happened to a document since one last looked."""

    events: Sequence[Event]
    """The oldest of the new ones."""
    is_all: bool
    """There are no newer ones yet."""
    is_over: bool
    """Nothing more will happen by itself."""


def find_standings(session: Session, document_ids: Iterable[str]) -> Mapping[str, Standing]:
    """Return where those of these documents stand that there are."""
    newer = aliased(Job)
    newest = select(func.max(newer.version)).where(newer.document_id == Job.document_id)
    told = select(func.max(Event.id)).where(Event.job_id == Job.id).scalar_subquery()
    rows = select(
        Job.document_id, Job.version, Job.state, Job.attempt, Job.stage, Job.completed, told
    ).where(
        Job.document_id.in_([each for each in document_ids if documents.is_id(each)]),
        Job.version == newest.scalar_subquery(),
    )
    return {document_id: Standing(*standing) for document_id, *standing in session.execute(rows)}


def find_news(session: Session, document_id: str, after: int) -> News | None:
    """Return what came behind the event `after`; None if there is no such document."""
    standing = find_standings(session, [document_id]).get(document_id)
    if standing is None:
        return None
    found = events.find_after(session, document_id, after, _BATCH)  # last: an end brings its event
    return News(found, len(found) < _BATCH, standing.is_over)


def require_news(session: Session, owner: str, document_id: str, after: int) -> News:
    """Return what came behind the event `after`.

    Raises:
        DocumentNotFoundError: its owner has no such document.
    """
    news = find_news(session, document_id, after)
    documents.require_own(session, owner, document_id)
    assert news is not None, "it came to be after it was looked at"
    return news
