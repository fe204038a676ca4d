"""Documents: found, listed, deleted. The session comes first; nobody commits here."""

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import structlog
from sqlalchemy import Select, and_, delete, exists, func, select
from sqlalchemy.orm import Session, aliased, defer

from app import errors, totals, training_use
from app.clock import utc_now
from app.cursors import read_cursor, write_cursor
from app.job_order import find_positions
from app.lift.config import MethodConfig
from app.models import Adapter, Document, Job, JobState
from app.storage import Store
from app.totals import AttemptEnd

_ID = re.compile(r"doc_[0-9a-z]{26}")
_ANSWERING = aliased(Job)
_NOT_LISTED = (Job.method, _ANSWERING.method, Adapter.file_metadata, Adapter.quality)
"""What a list shows nothing of, and takes long to read."""
_log = structlog.get_logger()


class Overview(NamedTuple):
    """A document with what belongs to it."""

    document: Document
    job: Job
    """Its newest; the document's status is this job's state."""
    adapter: Adapter | None
    """What it answers from: its newest."""
    answering: Job | None
    """The job that made the adapter."""
    queue_position: int | None
    """Place among all jobs that wait, from 1; None if the newest does not wait."""


class Page(NamedTuple):
    """Some documents, the newest first."""

    overviews: Sequence[Overview]
    next_cursor: str | None
    """Names the page behind this one; None on the last."""


def get(session: Session, owner: str, document_id: str) -> Overview:
    """Return one document.

    Raises:
        DocumentNotFoundError: its owner has none with this id.
    """
    if is_id(document_id):
        found = _read(session, _overviews(owner).where(Document.id == document_id))
        if found:
            return found[0]
    raise _no_document(document_id)


def get_anyones(session: Session, document_id: str) -> Overview:
    """Return one document, whosever it is.

    Raises:
        DocumentNotFoundError: there is none with this id.
    """
    if is_id(document_id):
        found = _read(session, _all_overviews().where(Document.id == document_id))
        if found:
            return found[0]
    raise _no_document(document_id)


def require_own(session: Session, owner: str, document_id: str) -> None:
    """Look whether an owner has a document.

    Raises:
        DocumentNotFoundError: there is none with this id.
    """
    own = select(Document.id).where(Document.owner == owner)
    if not is_id(document_id) or session.scalar(own.where(Document.id == document_id)) is None:
        raise _no_document(document_id)


def find_same(session: Session, owner: str, fingerprint: str) -> Overview | None:
    """Return the document that an owner's upload with this fingerprint became; None without."""
    found = _read(session, _overviews(owner).where(Document.fingerprint == fingerprint))
    return found[0] if found else None


def is_id(document_id: str) -> bool:
    """Say whether a document could have this id."""
    return _ID.fullmatch(document_id) is not None


def hold(session: Session, owner: str, document_id: str) -> Overview:
    """Return one document, to be changed: others who hold it wait until the transaction ends.

    An attempt locks its job first, and then the document: so does this, or both wait for ever.
    Whoever has the first job has the right to the others, and nobody adds one meanwhile.

    Raises:
        DocumentNotFoundError: its owner has none with this id.
    """
    require_own(session, owner, document_id)
    own = select(Job.id).where(Job.document_id == document_id).with_for_update()
    session.execute(own.where(Job.version == 1))
    session.execute(own.where(Job.version > 1).order_by(Job.version))
    return get(session, owner, document_id)


def find_page(
    session: Session,
    owner: str,
    cursor: str | None,
    limit: int,
    *,
    status: JobState | None = None,
    part_of_title: str | None = None,
) -> Page:
    """Return at most `limit` of an owner's documents behind `cursor`, the newest first.

    Only those whose newest version has a status, or whose title has a part, if that is wished for.

    Raises:
        InvalidCursorError: the cursor was not made here.
    """
    ids = _ids(owner, status, part_of_title).order_by(Document.id.desc()).limit(limit + 1)
    if cursor is not None:
        ids = ids.where(Document.id < _require_id(read_cursor(cursor)))
    found = session.scalars(ids).all()
    shown = found[:limit]
    return Page(
        _read(session, _listed(owner).where(Document.id.in_(shown))),
        write_cursor(shown[-1]) if len(found) > limit else None,
    )


def remove(session: Session, owner: str, document_id: str) -> None:
    """Delete a document's rows; a job that runs for it ends at its next write, and is paid for.

    Raises:
        DocumentNotFoundError: its owner has none with this id.
    """
    job, now = hold(session, owner, document_id).job, utc_now()
    used = training_use.measure(session, [job.id], now)
    session.execute(delete(Document).where(Document.id == document_id))
    training_use.charge(session, used, now)
    if used:
        totals.add(session, *totals.attempt_ended(AttemptEnd.CANCELLED))


def discard(store: Store, document_id: str) -> None:
    """Delete a document's files, once its rows are gone; what cannot be deleted is logged."""
    try:
        store.delete_document(document_id)
    except OSError as error:
        _log.error("files_left_behind", document_id=document_id, error=str(error))


def method_of(overview: Overview) -> MethodConfig:
    """Return the settings that the document is asked with: those of the memory it answers from,
    or of the one that is to come.
    """
    return MethodConfig(**(overview.answering or overview.job).method)


def _read(session: Session, rows: Select[Document, Job, Adapter, Job]) -> list[Overview]:
    found = session.execute(rows).all()
    waits = any(job.state == JobState.QUEUED for _, job, _, _ in found)
    places = find_positions(session) if waits else {}
    return [Overview(*row, places.get(row[1].id)) for row in found]


def _ids(owner: str, status: JobState | None, part_of_title: str | None) -> Select[str]:
    """Select documents to be listed. Joined with what belongs to them, a database that guesses
    wrong how many there are would read all in order to show some.
    """
    ids = select(Document.id).where(Document.owner == owner)
    if status is not None:
        newer = aliased(Job)
        is_newest = ~exists().where(
            newer.document_id == Job.document_id, newer.version > Job.version
        )
        ids = ids.join(Job).where(Job.state == status, is_newest)
    if part_of_title is not None:
        ids = ids.where(Document.title.icontains(part_of_title, autoescape=True))
    return ids


def _listed(owner: str) -> Select[Document, Job, Adapter, Job]:
    unread = [defer(column, raiseload=True) for column in _NOT_LISTED]
    return _overviews(owner).options(*unread).order_by(Document.id.desc())


def _overviews(owner: str) -> Select[Document, Job, Adapter, Job]:
    return _all_overviews().where(Document.owner == owner)


@cache  # to build it takes longer than to carry it out
def _all_overviews() -> Select[Document, Job, Adapter, Job]:
    own = select(func.max(Job.version)).where(Job.document_id == Document.id)
    newest = own.correlate(Document).scalar_subquery()
    answered = own.join(Adapter, Adapter.job_id == Job.id).correlate(Document).scalar_subquery()
    return (
        select(Document, Job, Adapter, _ANSWERING)
        .join(Job, and_(Job.document_id == Document.id, Job.version == newest))
        .outerjoin(
            _ANSWERING, and_(_ANSWERING.document_id == Document.id, _ANSWERING.version == answered)
        )
        .outerjoin(Adapter, Adapter.job_id == _ANSWERING.id)
    )


def _no_document(document_id: str) -> errors.DocumentNotFoundError:
    return errors.DocumentNotFoundError(f"there is no document {document_id!r}")


def _require_id(last: str) -> str:
    if not is_id(last):
        raise errors.InvalidCursorError
    return last
