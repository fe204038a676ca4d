"""What can be done about a finding. Nothing is destroyed: what is of no use goes into quarantine.

Each repair looks again before it acts, and leaves what has changed since it was found.
"""

from datetime import datetime
from io import BytesIO

from sqlalchemy import delete, select

from app import documents, events, jobs
from app.db import Database
from app.doctor.examination import Finding, Report, Trouble, look_at
from app.doctor.named import NamedFile, Role, is_named
from app.errors import DocumentNotFoundError
from app.ingest.errors import IngestError
from app.ingest.sandbox import parse_file
from app.models import Adapter, Document, EventKind, Job, JobState
from app.storage import DamagedFileError, Store, outline_key, source_key
from app.storage.keys import QUARANTINE

_GONE = "gone by now"


class ForeignStoreError(Exception):
    """The database knows none of the documents in the store."""


def require_own(report: Report) -> None:
    """Refuse to mend a store that is most likely another database's.

    Raises:
        ForeignStoreError: the store holds documents, and the database knows none of them.
    """
    if report.is_foreign:
        raise ForeignStoreError(
            "nothing was changed: the database knows none of the documents in the store; "
            "do LIFT_DATABASE_URL, LIFT_STORE_URL and LIFT_DATA_DIR belong together?"
        )


def repair(database: Database, store: Store, finding: Finding, now: datetime) -> str | None:
    """Do what can be done, and say what it was; None if it is left to a person."""
    if finding.named is None:
        return _set_unnamed_aside(database, store, finding, now)
    match finding.named.role:
        case Role.ADAPTER:
            return _replace_adapter(database, store, finding.named, now)
        case Role.CHECKPOINT:
            return _forget_checkpoint(database, finding.named)
        case Role.TEXT:
            return _write_text(database, store, finding.named)
        case Role.SOURCE:
            return None


def _set_unnamed_aside(database: Database, store: Store, finding: Finding, now: datetime) -> str:
    with database.reading() as session:
        if finding.trouble is Trouble.ORPHAN and is_named(session, finding.key):
            return "a row names it by now"
    return _set_aside(store, finding.key, now)


def _replace_adapter(database: Database, store: Store, named: NamedFile, now: datetime) -> str:
    trouble = look_at(store, named)
    if trouble is None:
        return "whole by now"
    if trouble is Trouble.DAMAGED:
        _set_aside(store, named.key, now)
    try:
        with database.writing() as session:
            owner = session.scalar(select(Document.owner).where(Document.id == named.document_id))
            if owner is None:
                return _GONE
            overview = documents.hold(session, owner, named.document_id)
            own = delete(Adapter).where(Adapter.id == named.row_id).returning(Adapter.id)
            if session.scalar(own) is None:
                return _GONE
            made = overview.answering
            if made is None or overview.adapter is None or overview.adapter.id != named.row_id:
                return "its row is removed; the document answers from a newer memory"
            if overview.job.state in (JobState.QUEUED, JobState.RUNNING):
                return "its row is removed; a newer memory is being trained"
            job = jobs.create(
                session,
                named.document_id,
                made.preset,
                made.method,
                now,
                priority=made.priority,
                device_kind=made.device_kind,
            )
            session.flush()
            message = f"trained anew: the memory of version {made.version} was {trouble}"
            events.add(session, job.id, EventKind.LOG, {"message": message}, now)
    except DocumentNotFoundError:
        return _GONE
    return "its row is removed, and a new training is queued"


def _forget_checkpoint(database: Database, named: NamedFile) -> str:
    with database.writing() as session:
        names_it = select(Job.id).where(Job.id == named.row_id, Job.checkpoint_key == named.key)
        if session.scalar(names_it.with_for_update()) is None:
            return _GONE
        jobs.forget_checkpoint(session, named.row_id)
    return "forgotten; the training begins anew"


def _write_text(database: Database, store: Store, named: NamedFile) -> str | None:
    document = _find(database, named.document_id)
    if document is None:
        return _GONE
    try:
        with store.fetch(source_key(document.id), document.sha256) as path:
            parsed = parse_file(path, document.filename or "")
    except (FileNotFoundError, DamagedFileError, IngestError):
        return None
    if len(parsed.text) != named.num_characters:
        return None
    store.put(outline_key(document.id), BytesIO(parsed.to_json()))
    store.put(named.key, BytesIO(parsed.text.encode()))
    if _find(database, document.id) is None:  # it was deleted meanwhile
        documents.discard(store, document.id)
        return _GONE
    return "written anew from the source"


def _find(database: Database, document_id: str) -> Document | None:
    with database.reading() as session:
        return session.get(Document, document_id)


def _set_aside(store: Store, key: str, now: datetime) -> str:
    kept = f"{QUARANTINE}/{now:%Y%m%dT%H%M%SZ}/{key}"
    try:
        store.move(key, kept)
    except FileNotFoundError:
        return _GONE
    return f"moved to {kept}"
