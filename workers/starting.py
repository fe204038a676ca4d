"""The memory that a changed text's training starts from, if it can be had.

Imports torch with the first memory, not before.
"""

from typing import TYPE_CHECKING

from app import documents
from app.db import Database
from app.errors import DocumentNotFoundError
from app.lift.config import MethodConfig
from app.lift.errors import FormerError
from app.models import Adapter, Document
from app.storage import DamagedFileError, Store, text_key
from workers.reporter import Reporter

if TYPE_CHECKING:
    from app.lift.base_model import BaseModel
    from app.lift.former import Former


def find_former(
    database: Database,
    store: Store,
    document: Document,
    text: str,
    base: "BaseModel",
    method: MethodConfig,
    reporter: Reporter,
) -> "Former | None":
    """Return what a document's training starts from; where that is nothing, its owner is told."""
    if document.starts_from is None:
        return None
    from app.lift.former import load_former

    try:
        adapter = _adapter(database, document.owner, document.starts_from)
        with store.fetch(adapter.store_key, adapter.sha256) as path:
            former_text = store.read(text_key(document.starts_from)).decode()
            return load_former(path, adapter.sha256, former_text, text, base, method)
    except (FileNotFoundError, DamagedFileError):
        problem = "its files are gone or damaged"
    except (DocumentNotFoundError, FormerError) as error:
        problem = str(error)
    reporter.told(f"All of it is learnt, not from {document.starts_from} on: {problem}.")
    return None


def _adapter(database: Database, owner: str, document_id: str) -> Adapter:
    with database.reading() as session:
        adapter = documents.get(session, owner, document_id).adapter
    if adapter is None:
        raise FormerError("it has no memory")
    return adapter
