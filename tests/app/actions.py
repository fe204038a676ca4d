"""What tests do to a document's training, and how they look at it."""

from io import BytesIO
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import select

from app import attempts, jobs
from app.db import Database
from app.jobs import Failure, PublishedAdapter
from app.leases import Lease
from app.models import Job
from app.storage import Store, checkpoint_key
from tests.rows import NOON, parse

ACTIONS = ("cancel", "retry", "relift")
ADAPTER = PublishedAdapter("a" * 64, 10, "documents/x/adapters/a", "base", {"format": "1"})
CRASH = Failure("trainer_died", "It was killed.", retryable=True)
REFUSAL = Failure("document_refused", "It is too short.", retryable=False)


def do(client: TestClient, document_id: str, action: str, **body: Any) -> Any:
    """Ask for something that must be granted; returns the document."""
    response = client.post(f"/documents/{document_id}/{action}", json=body or None)
    assert response.status_code == 202, response.text
    return response.json()


def fail(database: Database, store: Store, document_id: str) -> None:
    """Let an attempt at a queued document fail for good."""
    lease = parse(database, store, document_id)
    with database.writing() as session:
        jobs.fail_attempt(session, lease, REFUSAL, 3, NOON)


def states(database: Database, document_id: str) -> list[str]:
    """Return the states of all versions, the oldest first."""
    with database.reading() as session:
        own = select(Job.state).where(Job.document_id == document_id)
        return list(session.scalars(own.order_by(Job.version)))


def keep_checkpoint(database: Database, store: Store, document_id: str, lease: Lease) -> str:
    """Put a checkpoint into the store and name it in the job's row."""
    key = checkpoint_key(document_id, lease.job_id, 1, 5)
    store.put(key, BytesIO(b"checkpoint"))
    with database.writing() as session:
        attempts.replace_checkpoint(session, lease, key)
    return key
