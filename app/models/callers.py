"""Who calls, what they have used, and what they were answered."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, row_id


class ApiKey(Base):
    """Who may call the API, as whom, and for what. The key itself is never kept."""

    __tablename__ = "api_keys"

    id: Mapped[str] = row_id()
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
