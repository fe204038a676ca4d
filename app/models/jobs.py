"""The work on documents, what happened in it, and what became of it."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, parent, row_id

_ACTIVE = "state IN ('queued', 'running')"


class JobState(StrEnum):
    """Where a job stands. A document's status is the state of its newest job."""

    QUEUED = "queued"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"


class EventKind(StrEnum):
    """What an event tells."""

    STAGE = "stage"
    """A stage began."""
    METRIC = "metric"
    """The trainer took an optimiser step; after a resume, a step may be told of again."""
    LOG = "log"
    """Something else that a person may want to know."""
    DONE = "done"
    """The job ended without an error: its memory is ready, or it was cancelled."""
    ERROR = "error"
    """An attempt failed; the job waits for another one, or has failed for good."""


class Job(Base):
    """One run, of several attempts at most, that turns a document into an adapter.

    A document has one for each version of its memory; at most the newest waits or runs.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(
            "state IN ('queued', 'running', 'ready', 'failed', 'cancelled')", name="state"
        ),
        CheckConstraint("(state = 'running') = (lease_token IS NOT NULL)", name="lease"),
        Index(None, "state", "dispatched_at"),
        UniqueConstraint("document_id", "version"),
        Index(
            "uq_jobs_active",
            "document_id",
            unique=True,
            sqlite_where=text(_ACTIVE),
            postgresql_where=text(_ACTIVE),
        ),
    )

    id: Mapped[str] = row_id()
    document_id: Mapped[str] = parent("documents.id")
    version: Mapped[int]
    """Counts a document's jobs from 1, whatever the clock did: the greatest is the newest."""
    preset: Mapped[str] = mapped_column(String(100))
    method: Mapped[dict[str, Any]]
    """All method settings, resolved when it was asked for: a later change of the preset does not
    reach it."""
    priority: Mapped[int] = mapped_column(server_default="0")
    """Of waiting jobs, those with the greatest go first."""
    device_kind: Mapped[str | None] = mapped_column(String(20))
    """`cpu` or `cuda`: only such workers take it; null lets any."""
    state: Mapped[str] = mapped_column(String(20))
    attempt: Mapped[int]
    """Attempts begun so far."""
    failed_attempts: Mapped[int] = mapped_column(server_default="0")
    """Those that failed since somebody last asked for the job."""
    stage: Mapped[str | None] = mapped_column(String(50))
    completed: Mapped[int | None]
    total: Mapped[int | None]
    unit: Mapped[str | None] = mapped_column(String(50))
    stage_started_at: Mapped[datetime | None]
    stage_start: Mapped[int | None]
    """Units that were done when the running attempt entered the stage: what it resumed from."""
    pairs_tried: Mapped[int] = mapped_column(server_default="0")
    """Places of the text that question/answer pairs were asked for; those after it are left."""
    start_sha256: Mapped[str | None] = mapped_column(String(64))
    """The memory that what was left started from; empty: none; null: nobody has said yet."""
    checkpoint_key: Mapped[str | None] = mapped_column(String(300))
    """Where the store has the state of the training, to go on from."""
    error_code: Mapped[str | None] = mapped_column(String(50))
    error: Mapped[str | None] = mapped_column(Text)
    """Why the last attempt failed, in one sentence."""
    retryable: Mapped[bool | None]
    """Whether another attempt could succeed; null while nothing has failed."""
    lease_token: Mapped[str | None] = mapped_column(String(64))
    """Fencing token of the one attempt that may write; null unless running."""
    lease_expires_at: Mapped[datetime | None]
    """By the clock of the worker's machine. Every renewal changes it; see `silence`."""
    dispatched_at: Mapped[datetime | None]
    """When the broker last took a message for it; null if none was sent since it was queued."""
    request_id: Mapped[str | None] = mapped_column(String(128))
    """Of the request that last asked for it: what is logged for the job bears it."""
    trace_parent: Mapped[str | None] = mapped_column(String(55))
    """That request's place in its trace (W3C), if it was traced."""
    created_at: Mapped[datetime]
    queued_at: Mapped[datetime | None]
    """Since when it waits; says nothing of a job that does not."""
    started_at: Mapped[datetime | None]
    """When its last attempt began."""
    finished_at: Mapped[datetime | None]


class Event(Base):
    """Something that happened in a job, in the order of the ids. Never changed, never taken back.

    Whoever adds one holds the job's row, so that ids come in the order of the commits.
    """

    __tablename__ = "events"
    __table_args__ = (Index(None, "job_id", "kind", "id"), Index(None, "job_id", "id"))

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    job_id: Mapped[str] = mapped_column(String(30), ForeignKey("jobs.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(20))
    data: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class Total(Base):
    """A count that only grows; kept when the documents are gone (`totals`)."""

    __tablename__ = "totals"

    name: Mapped[str] = mapped_column(String(50), primary_key=True)
    label: Mapped[str] = mapped_column(String(50), primary_key=True)
    """Empty where there is one count of the name."""
    value: Mapped[float]
