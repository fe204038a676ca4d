"""Tables as they were before there were keys, to make a backup of an older version with."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, MetaData, String, Table

from app.models import UtcDateTime

_schema = MetaData()
OLDER_TABLES = [
    Table(
        "documents",
        _schema,
        Column("id", String, primary_key=True),
        Column("title", String),
        Column("sha256", String),
        Column("size_bytes", BigInteger),
        Column("num_characters", BigInteger),
        Column("num_tokens", BigInteger),
        Column("owner", String),
        Column("created_at", UtcDateTime),
    ),
    Table(
        "adapters",
        _schema,
        Column("id", String, primary_key=True),
        Column("document_id", String),
        Column("metadata", JSON),
    ),
]
OLDER_DOCUMENT: dict[str, Any] = {
    "id": "doc_00000000000000000000000000",
    "title": "An old one",
    "sha256": "0" * 64,
    "size_bytes": 1,
    "num_characters": None,
    "num_tokens": None,
    "owner": "local",
    "created_at": datetime(2030, 1, 1, 12, tzinfo=UTC),
}
