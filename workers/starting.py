"""The memory that a changed text's training starts from, if it can be had.

Imports torch with the first memory, not before.
"""

from typing import TYPE_CHECKING

from app import attempts, documents
from app.db import Database
from app.documents import Overview
from app.errors import DocumentNotFoundError
from app.leases import Lease
from app.lift.config import MethodConfig
from app.lift.errors import FormerError
from app.models import Document
from app.storage import DamagedFileError, Store
from workers.parsing import earlier_text
from workers.patience import write_patiently
from workers.reporter import Reporter

if TYPE_CHECKING:
    from app.lift.base_model import BaseModel
    from app.lift.former import Former


def settle_former(
    database: Database,
    store: Store,
    lease: Lease,
    document: Document,
    text: str,
    base: "BaseModel",
    method: MethodConfig,
    reporter: Reporter,
) -> "Former | None":
    """Return what a document's training starts from; where that is nothing, its owner is told.

    What an earlier attempt did from another start is forgotten.
    """
    if document.starts_from is None:
        return None
    former = None
    try:
        former = _load(_former_document(database, document), store, text, base, method)
    except (DocumentNotFoundError, FormerError) as error:
        reporter.told(f"All of it is learnt, not from {document.starts_from} on: {error}.")
    start = former.sha256 if former else ""
    left = write_patiently(database, lambda session: attempts.settle_start(session, lease, start))
    if left:
        store.delete(left)
    return former


def _former_document(database: Database, document: Document) -> Overview:
    assert document.starts_from is not None
    with database.reading() as session:
        return documents.get(session, document.owner, document.starts_from)


def _load(
    former: Overview, store: Store, text: str, base: "BaseModel", method: MethodConfig
) -> "Former":
    from app.lift.former import load_former

    if former.adapter is None:
        raise FormerError("it has no memory")
    former_text = earlier_text(store, former.document)
    if former_text is None:
        raise FormerError("its text is gone or damaged")
    key, sha256 = former.adapter.store_key, former.adapter.sha256
    try:
        with store.fetch(key, sha256) as path:
            return load_former(path, sha256, former_text, text, base, method)
    except (FileNotFoundError, DamagedFileError) as error:
        raise FormerError("its memory's file is gone or damaged") from error
