"""Takes uploads in: bytes to the store, then a document and its job, or the document there is.

The session comes first; nobody commits here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any, BinaryIO, NamedTuple

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import documents, errors, jobs, limits, method_settings
from app.callers import Caller
from app.clock import new_id
from app.db import after_commit, after_rollback
from app.documents import Overview
from app.fingerprints import fingerprint_of
from app.job_order import find_positions
from app.lift.config import MethodConfig
from app.models import Document, JobState
from app.storage import Store, source_key
from app.upload_checks import check_content, save_content
from app.upload_names import clean_filename, title_of


@dataclass(frozen=True, slots=True)
class Upload:
    """What a user sent."""

    content: BinaryIO
    filename: str | None
    title: str | None
    preset: str
    options: Mapping[str, Any]
    priority: int = 0
    device_kind: str | None = None
    duplicate: bool = False
    """Whether it becomes one more document although there is the same one already."""
    starts_from: str | None = None
    """The document of which it is a changed text."""


class Taken(NamedTuple):
    """What became of an upload."""

    overview: Overview
    is_new: bool
    """False if its owner had uploaded the same before: nothing was queued."""


def create(
    session: Session, store: Store, caller: Caller, upload: Upload, max_bytes: int, now: datetime
) -> Taken:
    """Put an upload into the store and queue its job; the files go if the rows cannot come.

    The same bytes with the same settings are the document that they became the first time. The
    database hears of nothing before the file is in the store: nobody waits for a slow disk.

    Raises:
        ApiError: the document is too large or of no use; a preset or option is unknown; the store
            has no room for it, or its owner has none; what it starts from has no memory.
        StoreError: the store cannot be reached.
    """
    kept = keep(session, store, caller, upload, max_bytes, now)
    return with_places(session, [queue(session, store, caller, kept, now)])[0]


class Kept(NamedTuple):
    """An upload whose bytes are in the store."""

    upload: Upload
    method: MethodConfig
    document: Document
    """A row that the database does not have yet."""


def keep(
    session: Session, store: Store, caller: Caller, upload: Upload, max_bytes: int, now: datetime
) -> Kept:
    """Do the first half of `create`, all that needs no database."""
    method = method_settings.resolve(upload.preset, upload.options)
    text = check_content(upload.content, max_bytes)
    filename = clean_filename(upload.filename)
    document_id = new_id("doc")
    after_rollback(session, partial(documents.discard, store, document_id))
    stored = save_content(store, source_key(document_id), upload.content)
    decides = (stored.sha256, method, filename, upload.starts_from)
    document = Document(
        id=document_id,
        title=upload.title or title_of(filename, text),
        filename=filename,
        fingerprint=None if upload.duplicate else fingerprint_of(*decides),
        sha256=stored.sha256,
        size_bytes=stored.size_bytes,
        owner=caller.owner,
        starts_from=upload.starts_from,
        created_at=now,
    )
    return Kept(upload, method, document)


def queue(session: Session, store: Store, caller: Caller, kept: Kept, now: datetime) -> Taken:
    """Do the second half of `create`, but for the places in the queue: see `with_places`."""
    upload, method, document = kept
    limits.take_turns(session, caller.owner)
    if same := _add_unless_known(session, document):
        after_commit(session, partial(documents.discard, store, document.id))
        return Taken(same, is_new=False)
    _require_start(session, document)
    limits.require_room(session, caller, document)
    limits.require_training(session, caller, now)
    return Taken(_queue(session, document, upload, method, now), is_new=True)


def with_places(session: Session, taken: Sequence[Taken]) -> list[Taken]:
    """Return what was queued with the places that it waits at, once all of it is."""
    places = find_positions(session)
    return [
        Taken(each.overview._replace(queue_position=places.get(each.overview.job.id)), each.is_new)
        for each in taken
    ]


def _add_unless_known(session: Session, document: Document) -> Overview | None:
    """Add a document, or return the one that has its fingerprint: of two at once, one is added."""
    while True:
        try:
            with session.begin_nested():
                session.add(document)
        except IntegrityError:
            assert document.fingerprint is not None
            if same := documents.find_same(session, document.owner, document.fingerprint):
                return same  # else it was deleted a moment ago
        else:
            return None


def _require_start(session: Session, document: Document) -> None:
    if document.starts_from is None:
        return
    former = documents.get(session, document.owner, document.starts_from)
    if former.adapter is None:
        raise errors.DocumentNotReadyError(
            f"starts_from names {document.starts_from!r}, which has no memory to start from: its "
            f"status is {former.job.state}; {_until_ready(former.job.state)}, or leave starts_from "
            "out",
            document_status=former.job.state,
        )


def _until_ready(state: str) -> str:
    over = state in (JobState.FAILED, JobState.CANCELLED)
    return "retry its training" if over else "wait until it is ready"


def _queue(
    session: Session, document: Document, upload: Upload, method: MethodConfig, now: datetime
) -> Overview:
    job = jobs.create(
        session,
        document.id,
        upload.preset,
        asdict(method),
        now,
        priority=upload.priority,
        device_kind=upload.device_kind,
    )
    session.flush()
    return Overview(document, job, None, None, None)
