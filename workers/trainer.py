"""The trainer's process: `python -m workers.trainer JOB_ID`, the lease's token on standard input.

It alone imports torch. It writes the attempt's result, or a failure that no further attempt would
cure; all else ends it with a traceback, which its supervisor reports.
"""

import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import attempts, documents, jobs
from app.clock import utc_now
from app.db import Database
from app.ingest.text import IngestError, decode
from app.jobs import Failure, Lease, LeaseLostError, PublishedAdapter
from app.lift.errors import BaseModelError, LiftError, ReaderError
from app.logs import configure_logging
from app.models import Document, Job
from app.settings import Settings
from app.storage import Store, adapter_key, open_store, source_key, text_key
from workers.measuring import measure
from workers.reporter import Reporter

if TYPE_CHECKING:
    from app.lift.adapter import Lifted

_log = structlog.get_logger()


def main() -> None:
    """Train the document of the job that the command line names."""
    configure_logging()
    lease = Lease(job_id=sys.argv[1], token=sys.stdin.readline().strip())
    settings = Settings()
    database = Database(settings.resolved_database_url)
    try:
        run_attempt(database, settings, lease)
    except DBAPIError as error:
        # The reason that a user sees is the last line: without SQLAlchemy's own last line.
        raise SystemExit(f"the database refused: {error.orig}") from error
    finally:
        database.dispose()


def run_attempt(database: Database, settings: Settings, lease: Lease) -> None:
    """Train, and write the end of the attempt."""
    try:
        with Reporter(database, lease) as reporter:
            _train(database, settings, lease, reporter)
    except LeaseLostError:
        _log.info("attempt_abandoned", job_id=lease.job_id)
    except (LiftError, IngestError) as error:
        failure = Failure(_code_of(error), str(error), retryable=False)
        with database.writing() as session:
            jobs.fail_attempt(session, lease, failure, settings.max_attempts, utc_now())


def _code_of(error: LiftError | IngestError) -> str:
    if isinstance(error, BaseModelError):
        return "base_model_unusable"
    return "reader_unusable" if isinstance(error, ReaderError) else "document_refused"


def _train(database: Database, settings: Settings, lease: Lease, reporter: Reporter) -> None:
    store = open_store(settings)
    with database.reading() as session:
        document = _find_document(session, lease)
    text = _parse(database, store, lease, document, reporter)
    lifted = _lift(text, document, settings, reporter)
    quality = asdict(measure(database, store, document, text, lifted, reporter))
    reporter.stage_started("publish", 1, "adapter")
    _publish(database, store, lease, document, lifted, quality)


def _find_document(session: Session, lease: Lease) -> Document:
    own = select(Document).join(Job, Job.document_id == Document.id)
    document = session.scalars(own.where(Job.id == lease.job_id)).one_or_none()
    if document is None:
        raise LeaseLostError(f"the document of job {lease.job_id} was deleted")
    return document


def _parse(
    database: Database, store: Store, lease: Lease, document: Document, reporter: Reporter
) -> str:
    reporter.stage_started("parse", 1, "document")
    text = decode(store.read(source_key(document.id)))
    with store.incoming() as path:
        path.write_bytes(text.encode())
        with database.writing() as session:
            attempts.record_parsed(session, lease, len(text))
            store.publish(path, text_key(document.id))
    reporter.progressed(1)
    return text


def _lift(text: str, document: Document, settings: Settings, reporter: Reporter) -> "Lifted":
    from app.lift.base_model import load_base_model
    from app.lift.pipeline import lift_document
    from app.lift.reader import load_reader

    base = load_base_model(**settings.base_model)
    method = documents.method_of(document)
    reader = load_reader(settings.reader, base, method) if settings.reader else None
    return lift_document(text, base, method, reporter, reader)


def _publish(
    database: Database,
    store: Store,
    lease: Lease,
    document: Document,
    lifted: "Lifted",
    quality: dict[str, Any],
) -> None:
    now = utc_now()
    with store.incoming() as path:
        adapter = _write(path, document, lifted, quality, now)
        with database.writing() as session:
            jobs.finish(session, lease, adapter, lifted.num_tokens, now)
            # While the job's row is held: a lost lease publishes nothing, and a document that is
            # being deleted takes the file with it.
            store.publish(path, adapter.store_key)


def _write(
    path: Path, document: Document, lifted: "Lifted", quality: dict[str, Any], now: datetime
) -> PublishedAdapter:
    from app.lift.adapter import write_adapter

    info = write_adapter(
        path,
        lifted,
        document_sha256=document.sha256,
        preset=document.preset,
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


if __name__ == "__main__":
    main()
