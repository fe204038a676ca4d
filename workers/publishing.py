"""The end of an attempt that went well: the adapter's file first, then its rows.

A file without rows is deleted again; after a kill in between, `lift doctor` finds it.
"""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from app import jobs
from app.clock import utc_now
from app.db import Database
from app.jobs import PublishedAdapter
from app.leases import Lease
from app.models import Adapter, Document, Job
from app.storage import Store, adapter_key, checkpoint_folder
from workers.patience import write_patiently

if TYPE_CHECKING:
    from app.lift.adapter import Lifted

_log = structlog.get_logger()


def publish(
    database: Database,
    store: Store,
    lease: Lease,
    document: Document,
    job: Job,
    lifted: "Lifted",
    quality: dict[str, Any],
) -> None:
    """Make the memory the document's.

    Raises:
        LeaseLostError: the job is no longer this attempt's; nothing of the memory is left.
    """
    now = utc_now()
    with store.incoming() as path:
        adapter = _write(path, document, job, lifted, quality, now)
        try:
            store.publish(path, adapter.store_key)
            write_patiently(
                database,
                lambda session: jobs.finish(session, lease, adapter, lifted.num_tokens, now),
            )
        except BaseException:
            _delete_unless_named(database, store, adapter.store_key)
            raise
    _delete_checkpoints(store, job)


def _write(
    path: Path,
    document: Document,
    job: Job,
    lifted: "Lifted",
    quality: dict[str, Any],
    now: datetime,
) -> PublishedAdapter:
    from app.lift.adapter import write_adapter

    info = write_adapter(
        path,
        lifted,
        document_sha256=document.sha256,
        preset=job.preset,
        created_at=now.isoformat(),
        quality=quality,
    )
    return PublishedAdapter(
        sha256=info.sha256,
        size_bytes=info.size_bytes,
        store_key=adapter_key(document.id, info.sha256),
        base_fingerprint=lifted.base.fingerprint,
        metadata=info.metadata,
        quality=quality,
    )


def _delete_checkpoints(store: Store, job: Job) -> None:
    try:
        for stored in store.list(checkpoint_folder(job.document_id)):
            if job.id in stored.key:
                store.delete(stored.key)
    except OSError as error:
        _log.warning("checkpoint_left_behind", job_id=job.id, error=type(error).__name__)


def _delete_unless_named(database: Database, store: Store, key: str) -> None:
    # A commit may have succeeded though its answer was lost.
    try:
        with database.reading() as session:
            is_named = session.scalar(select(Adapter.id).where(Adapter.store_key == key))
        if not is_named:
            store.delete(key)
    except (SQLAlchemyError, OSError) as error:
        _log.warning("file_left_behind", key=key, error=type(error).__name__)
