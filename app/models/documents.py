"""What was uploaded, and what came of it."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, parent, row_id

LOCAL_OWNER = "local"


class Document(Base):
    """What a user uploaded. Its files lie in the store under keys made from its id."""

    __tablename__ = "documents"
    __table_args__ = (
        UniqueConstraint("owner", "fingerprint"),
        Index(None, "owner", "id"),
    )

    id: Mapped[str] = row_id()
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
    starts_from: Mapped[str | None] = mapped_column(String(30))
    """The document of which this is a changed text, whose memory its training starts from; it may
    be gone since."""
    num_characters: Mapped[int | None] = mapped_column(BigInteger)
    """Length of the text; null until it was parsed."""
    num_tokens: Mapped[int | None] = mapped_column(BigInteger)
    """Length of the text in tokens of the base model; null until an adapter was published."""
    created_at: Mapped[datetime]


class Adapter(Base):
    """The published file of one job. A document answers from that of its newest job with one."""

    __tablename__ = "adapters"

    id: Mapped[str] = row_id()
    document_id: Mapped[str] = parent("documents.id")
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

    id: Mapped[str] = row_id()
    document_id: Mapped[str] = parent("documents.id")
    job_id: Mapped[str] = parent("jobs.id")
    number: Mapped[int]
    """Counts a job's pairs from 0, in the order in which they were written."""
    question: Mapped[str] = mapped_column(Text)
    answer: Mapped[str] = mapped_column(Text)
    evidence: Mapped[str] = mapped_column(Text)
    start: Mapped[int] = mapped_column(BigInteger)
    """Offset of the evidence in the document's text, in characters."""
    is_held_back: Mapped[bool] = mapped_column(server_default=false())
    """Not trained on: the memory is measured with it."""
