"""A small installation in good health, to be broken."""

from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from io import BytesIO

from sqlalchemy import select

from app import attempts, documents, intake, jobs
from app.clock import utc_now
from app.db import Database
from app.doctor.examination import Report, examine
from app.documents import Overview
from app.intake import Upload
from app.jobs import PublishedAdapter
from app.models import LOCAL_OWNER, Job
from app.storage import Store, adapter_key, checkpoint_key, source_key
from tests.rows import LOCAL, claim, parse

TEXT = "The lamp was lit by Mirel Tand, as ever."
CONTENT = b"what was learnt"


@dataclass
class Installation:
    """A database and a store with three documents: ready, in training, waiting."""

    database: Database
    store: Store
    ready: str = ""
    training: str = ""
    waiting: str = ""
    adapter: str = ""
    checkpoint: str = ""

    def fill(self) -> None:
        """Make the documents as the service makes them."""
        self.ready, self.training, self.waiting = (self.upload() for _ in range(3))
        self.adapter = self.finish(self.ready, CONTENT)
        lease = parse(self.database, self.store, self.training, TEXT)
        self.checkpoint = checkpoint_key(self.training, lease.job_id, 1, 7)
        self.store.put(self.checkpoint, BytesIO(b"so far"))
        with self.database.writing() as session:
            attempts.replace_checkpoint(session, lease, self.checkpoint)

    def upload(self) -> str:
        """Take a document in; returns its id."""
        file = Upload(BytesIO(TEXT.encode()), "a.txt", None, "quick", {}, duplicate=True)
        with self.database.writing() as session:
            return intake.create(
                session, self.store, LOCAL, file, 1000, utc_now()
            ).overview.document.id

    def finish(self, document_id: str, content: bytes) -> str:
        """Train a waiting document to its end; returns the adapter's key."""
        if self.overview(document_id).document.num_characters is None:
            lease = parse(self.database, self.store, document_id, TEXT)
        else:
            lease = claim(self.database, self.overview(document_id).job.id)
        digest = sha256(content).hexdigest()
        key = adapter_key(document_id, digest)
        self.store.put(key, BytesIO(content))
        adapter = PublishedAdapter(digest, len(content), key, "base", {})
        with self.database.writing() as session:
            jobs.finish(session, lease, adapter, 9, utc_now())
        return key

    def train_again(self, document_id: str) -> None:
        """Queue the document's next version."""
        newest = self.overview(document_id).job
        with self.database.writing() as session:
            jobs.create(session, document_id, newest.preset, newest.method, utc_now())

    def delete(self, document_id: str) -> None:
        """Delete a document, rows and files."""
        with self.database.writing() as session:
            documents.remove(session, LOCAL_OWNER, document_id)
        self.store.delete_document(document_id)

    def overview(self, document_id: str) -> Overview:
        """Read a document."""
        with self.database.reading() as session:
            return documents.get(session, LOCAL_OWNER, document_id)

    def jobs_of(self, document_id: str) -> list[Job]:
        """Read a document's jobs, the oldest first."""
        with self.database.reading() as session:
            own = select(Job).where(Job.document_id == document_id)
            return list(session.scalars(own.order_by(Job.version)))

    def overwrite(self, key: str, content: bytes) -> None:
        """Change a file as a broken disk does."""
        self.store.put(key, BytesIO(content))

    def stored(self, prefix: str = "") -> set[str]:
        """List the store."""
        return {found.key for found in self.store.list(prefix)}

    def examine(self) -> Report:
        """Look at everything, when nothing is young any more."""
        return examine(self.database, self.store, utc_now() + timedelta(hours=2))

    def lose_row(self) -> str:
        """Take the waiting document's rows away, and leave its file; returns its key."""
        with self.database.writing() as session:
            documents.remove(session, LOCAL_OWNER, self.waiting)
        return source_key(self.waiting)
