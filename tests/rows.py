"""Documents and jobs as rows, for tests that do not upload them."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from io import BytesIO

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import attempts, jobs, leases
from app.callers import Caller, Limits, Scope
from app.clock import new_id
from app.db import Database
from app.jobs import PublishedAdapter
from app.leases import Lease
from app.lift.presets import PRESETS
from app.models import LOCAL_OWNER, Document, Job
from app.storage import Store, adapter_key, text_key

LOCAL = Caller(LOCAL_OWNER, frozenset(Scope), None, Limits())
"""Everybody, where nobody needs a key."""
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def add_document(session: Session, owner: str = LOCAL_OWNER) -> Document:
    """Add a document without files."""
    document = Document(
        id=new_id("doc"),
        title="Title",
        sha256="0" * 64,
        size_bytes=1,
        owner=owner,
        created_at=NOON,
    )
    session.add(document)
    session.flush()
    return document


def add_job(
    database: Database, owner: str = LOCAL_OWNER, *, priority: int = 0, kind: str | None = None
) -> str:
    """Add a document with a queued job, and return the job's id."""
    with database.writing() as session:
        document = add_document(session, owner)
        return queue_job(session, document.id, priority=priority, kind=kind).id


def queue_job(
    session: Session, document_id: str, *, priority: int = 0, kind: str | None = None
) -> Job:
    """Queue a job with the preset `quick` for a document."""
    job = jobs.create(
        session,
        document_id,
        "quick",
        asdict(PRESETS["quick"]),
        NOON,
        priority=priority,
        device_kind=kind,
    )
    session.flush()
    return job


def claim(database: Database, job_id: str, now: datetime = NOON) -> Lease:
    """Claim a queued job for a minute."""
    with database.writing() as session:
        lease = jobs.claim(session, job_id, now, MINUTE)
    assert lease is not None
    return lease


def expire(database: Database, max_attempts: int = 3) -> int:
    """End all running attempts, as if nobody had renewed their leases for long."""
    with database.writing() as session:
        return jobs.expire(session, leases.find_held(session), max_attempts, NOON + 2 * MINUTE)


def parse(database: Database, store: Store, document_id: str, text: str = "Its text.") -> Lease:
    """Begin the attempt at a document's newest job and finish its parsing."""
    with database.reading() as session:
        own = select(Job.id).where(Job.document_id == document_id).order_by(Job.version.desc())
        job_id = session.scalars(own.limit(1)).one()
    lease = claim(database, job_id)
    store.put(text_key(document_id), BytesIO(text.encode()))
    with database.writing() as session:
        attempts.record_parsed(session, lease, len(text))
    return lease


def make_ready(
    database: Database,
    store: Store,
    document_id: str,
    sha256: str = "a" * 64,
    *,
    text: str = "Its text.",
    content: bytes = b"adapter",
) -> None:
    """Bring a queued document to its adapter."""
    lease = parse(database, store, document_id, text)
    key = adapter_key(document_id, sha256)
    stored = store.put(key, BytesIO(content))
    adapter = PublishedAdapter(sha256, stored.size_bytes, key, "base", {})
    with database.writing() as session:
        jobs.finish(session, lease, adapter, 1234, NOON)


def get_job(database: Database, job_id: str) -> Job:
    """Read a job."""
    with database.reading() as session:
        return session.scalars(select(Job).where(Job.id == job_id)).one()


def count(database: Database, table: type) -> int:
    """Count a table's rows."""
    with database.reading() as session:
        return session.scalars(select(func.count()).select_from(table)).one()
