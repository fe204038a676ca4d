"""Documents for the real trainer, and attempts at them in this process."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from app import documents, intake
from app.clock import utc_now
from app.db import Database
from app.documents import Overview
from app.intake import Upload
from app.leases import Lease
from app.lift.base_model import load_base_model
from app.models import LOCAL_OWNER
from app.settings import Settings
from app.storage import open_store
from app.storage.folder import FolderStore
from tests.rows import LOCAL
from workers.attempt import Parts, run_attempt
from workers.drain import Drain

TEXT = "Ada Byron built the lighthouse of Port Amber in 1911. Its lamp is green.\r\n" * 12
OPTIONS = {
    "segment_tokens": 64,
    "stride_tokens": 48,
    "recitation_context_tokens": 32,
    "window_tokens": 400,
    "context_tokens": 100,
    "num_qa_pairs": 0,
    "joint_epochs": 0,
}


def add(database: Database, store: FolderStore, options: Mapping[str, Any]) -> Overview:
    """Upload a document."""
    upload = Upload(BytesIO(TEXT.encode()), "a.txt", None, "quick", options, duplicate=True)
    with database.writing() as session:
        return intake.create(session, store, LOCAL, upload, 10_000_000, utc_now()).overview


def get(database: Database, uploaded: Overview) -> Overview:
    """Read what has become of a document."""
    with database.reading() as session:
        return documents.get(session, LOCAL_OWNER, uploaded.document.id)


def attempt(
    database: Database, settings: Settings, lease: Lease, drain: Drain | None = None
) -> None:
    """Make one attempt in this process."""
    run_attempt(
        Parts(
            database,
            open_store(settings),
            settings,
            lambda given: load_base_model(**given.base_model),
            drain or Drain(),
        ),
        lease,
    )


class Stopper(Drain):
    """Asks itself to end at the n-th occasion."""

    def __init__(self, occasion: int) -> None:
        super().__init__()
        self._left = occasion

    def end_if_asked(self) -> None:
        self._left -= 1
        self.is_asked = self._left <= 0
        super().end_if_asked()
