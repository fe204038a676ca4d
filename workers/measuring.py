"""The stage between training and publishing: does the memory help? It can cost no memory.

Imports torch with the first measurement, not before.
"""

from typing import TYPE_CHECKING

import structlog
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.db import Database
from app.lift.errors import AdapterError, LiftError
from app.models import Adapter, Document
from app.storage import Store
from workers.reporter import Reporter

if TYPE_CHECKING:
    from app.evaluation.quality import QualityReport
    from app.lift.adapter import Lifted
    from app.lift.kinds import DocumentMemory

_log = structlog.get_logger()


def measure(
    database: Database,
    store: Store,
    document: Document,
    text: str,
    lifted: "Lifted",
    reporter: Reporter,
) -> "QualityReport":
    """Score the held-back pairs; a measurement that fails is reported as one not made."""
    from app.evaluation.quality import not_measured, quality_report

    reporter.stage_started("measure", len(lifted.held_back), "pairs")
    try:
        other = _other_memory(database, store, document, lifted)
        report = quality_report(
            lifted.base, text, lifted.held_back, lifted.method, lifted.memory, other
        )
    except (RuntimeError, LiftError) as error:  # torch's own: most often, no memory is left
        _log.warning("quality_not_measured", document_id=document.id, error=str(error))
        report = not_measured(f"the measurement failed: {str(error).partition(chr(10))[0]}")
    reporter.progressed(len(lifted.held_back))
    return report


def _other_memory(
    database: Database, store: Store, document: Document, lifted: "Lifted"
) -> "DocumentMemory | None":
    """Return the memory of the last other document that was trained; None without one.

    A second upload of the same bytes is no other document, nor is an earlier text of this one, or
    what came of such a text.
    """
    from app.lift.adapter import read_adapter

    with database.reading() as session:
        family = _family(session, document)
        others = (
            select(Adapter)
            .join(Document, Document.id == Adapter.document_id)
            .where(Document.sha256 != document.sha256)
            .where(Document.id.not_in(family))
            .where(or_(Document.starts_from.is_(None), Document.starts_from.not_in(family)))
            .where(Adapter.base_fingerprint == lifted.base.fingerprint)
        )
        newest = session.scalars(others.order_by(Adapter.id.desc()).limit(1)).first()
    if newest is None:
        return None
    try:
        with store.fetch(newest.store_key, newest.sha256) as path:
            return read_adapter(path, lifted.base, newest.sha256)
    except (AdapterError, OSError) as error:  # it may have been deleted meanwhile
        _log.warning("other_memory_unusable", document_id=newest.document_id, error=str(error))
        return None


def _family(session: Session, document: Document) -> list[str]:
    """Return a document and those that it is a changed text of, one after another."""
    family, former = [document.id], document.starts_from
    while former is not None and former not in family:
        family.append(former)
        former = session.scalar(select(Document.starts_from).where(Document.id == former))
    return family
