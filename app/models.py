"""The tables. Rows only: what may change a job's state stands in `jobs`."""

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

LOCAL_OWNER = "local"
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


class UtcDateTime(TypeDecorator[datetime]):
    """A moment with its time zone; SQLite, which knows none, keeps it in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _: Dialect) -> datetime | None:
        """Turn an aware moment into what the database keeps."""
        if value is None:
            return None
        assert value.tzinfo is not None, "a moment without a time zone"
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _: Dialect) -> datetime | None:
        """Give back an aware moment in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """All tables, with predictable names for their constraints."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime, dict[str, Any]: JSON, list[str]: JSON}  # noqa: RUF012


def _id() -> Mapped[str]:
    return mapped_column(String(30), primary_key=True)


def _parent(column: str) -> Mapped[str]:
    return mapped_column(String(30), ForeignKey(column, ondelete="CASCADE"), index=True)


class Document(Base):
    """What a user uploaded. Its files lie in the store under keys made from its id."""

    __tablename__ = "documents"
    __table_args__ = (
        UniqueConstraint("owner", "fingerprint"),
        Index(None, "owner", "id"),
    )

    id: Mapped[str] = _id()
    title: Mapped[str] = mapped_column(String(500))
    sha256: Mapped[str] = mapped_column(String(64))
    """Of the uploaded bytes."""
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    owner: Mapped[str] = mapped_column(String(30), server_default=LOCAL_OWNER, index=True)
    """Whose it is; everybody is `local` where nobody has a key."""
    filename: Mapped[str | None] = mapped_column(String(255))
    """Last part of the name it was uploaded under, a hint to its kind; null for text."""
    fingerprint: Mapped[str | None] = mapped_column(String(64))
    """SHA-256 of its bytes and its settings: uploaded again, it is this document. Null for those
    that were uploaded as one more copy, and for older ones."""
    num_characters: Mapped[int | None] = mapped_column(BigInteger)
    """Length of the text; null until it was parsed."""
    num_tokens: Mapped[int | None] = mapped_column(BigInteger)
    """Length of the text in tokens of the base model; null until an adapter was published."""
    created_at: Mapped[datetime]


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

    id: Mapped[str] = _id()
    document_id: Mapped[str] = _parent("documents.id")
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


class Adapter(Base):
    """The published file of one job. A document answers from that of its newest job with one."""

    __tablename__ = "adapters"

    id: Mapped[str] = _id()
    document_id: Mapped[str] = _parent("documents.id")
    job_id: Mapped[str] = mapped_column(
        String(30), ForeignKey("jobs.id", ondelete="CASCADE"), unique=True
    )
    sha256: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    store_key: Mapped[str] = mapped_column(String(200))
    base_fingerprint: Mapped[str] = mapped_column(String(200))
    file_metadata: Mapped[dict[str, Any]] = mapped_column("metadata")
    """What the file itself says of its making."""
    quality: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """What the memory does for held-back pairs; null for adapters made before it was measured."""
    created_at: Mapped[datetime]


class QAPairRow(Base):
    """A question/answer pair written for a job."""

    __tablename__ = "qa_pairs"
    __table_args__ = (UniqueConstraint("job_id", "number"),)

    id: Mapped[str] = _id()
    document_id: Mapped[str] = _parent("documents.id")
    job_id: Mapped[str] = _parent("jobs.id")
    number: Mapped[int]
    """Counts a job's pairs from 0, in the order in which they were written."""
    question: Mapped[str] = mapped_column(Text)
    answer: Mapped[str] = mapped_column(Text)
    evidence: Mapped[str] = mapped_column(Text)
    start: Mapped[int] = mapped_column(BigInteger)
    """Offset of the evidence in the document's text, in characters."""
    is_held_back: Mapped[bool] = mapped_column(server_default=false())
    """Not trained on: the memory is measured with it."""


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


class ApiKey(Base):
    """Who may call the API, as whom, and for what. The key itself is never kept."""

    __tablename__ = "api_keys"

    id: Mapped[str] = _id()
    name: Mapped[str] = mapped_column(String(100))
    owner: Mapped[str] = mapped_column(String(30), index=True)
    """Whose documents it sees. Several keys may have one owner."""
    scopes: Mapped[list[str]]
    """Some of `read`, `write`, `admin`."""
    secret_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    limits: Mapped[dict[str, Any]]
    """What it may use where that differs from the server's settings."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    """Written once a minute at most."""


class TrainingUse(Base):
    """How long workers trained for an owner on one day; kept when the documents are gone."""

    __tablename__ = "training_use"

    owner: Mapped[str] = mapped_column(String(30), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    """In UTC."""
    seconds: Mapped[float] = mapped_column(server_default="0")


class Total(Base):
    """A count that only grows; kept when the documents are gone (`totals`)."""

    __tablename__ = "totals"

    name: Mapped[str] = mapped_column(String(50), primary_key=True)
    label: Mapped[str] = mapped_column(String(50), primary_key=True)
    """Empty where there is one count of the name."""
    value: Mapped[float]


class IdempotencyKey(Base):
    """A request that may come again, and what was answered to it."""

    __tablename__ = "idempotency_keys"

    owner: Mapped[str] = mapped_column(String(30), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request_sha256: Mapped[str] = mapped_column(String(64))
    """Of everything that was asked: another request under the same key is refused."""
    status: Mapped[int | None]
    """Null while the first request is being answered."""
    response: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(index=True)
