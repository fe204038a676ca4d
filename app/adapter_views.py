"""Adapters over HTTP: which of them an engine holds, and what they take."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Self

from pydantic import BaseModel, Field

from app.engine.kept import KeptAdapter, Tier

Versions = Mapping[tuple[str, str], int]
"""By document and SHA-256, which version of a document's memory an adapter is."""


class HeldAdapter(BaseModel):
    """What the engine holds of one adapter."""

    document_id: str
    sha256: str
    version: int | None = Field(description="null: the document, or this adapter, is deleted")
    tier: Tier = Field(
        description="coming: being brought here; host: in main memory; slot: answers can read it "
        "at once; device: the same, of a form that fits into no slot; failed: it cannot be used"
    )
    failure: str | None = Field(description="Why it cannot be used; null unless failed")
    size_bytes: int = Field(description="Memory that it takes; 0 until it has come")
    num_answers: int = Field(description="Answers that read it now")
    pinned: bool = Field(description="Whether it stays in main memory until it is unpinned")
    last_used_at: datetime = Field(description="When it was last asked for, or last read")

    @classmethod
    def of(cls, kept: KeptAdapter, versions: Versions) -> Self:
        """Show what an engine holds."""
        return cls(
            document_id=kept.document_id,
            sha256=kept.sha256,
            version=versions.get((kept.document_id, kept.sha256)),
            tier=kept.tier,
            failure=kept.failure,
            size_bytes=kept.size_bytes,
            num_answers=kept.num_answers,
            pinned=kept.is_pinned,
            last_used_at=kept.last_used_at,
        )


class HeldAdapters(BaseModel):
    """What the engine holds of one document: of each version that was asked lately, or nothing."""

    data: list[HeldAdapter]


class EngineAdapters(HeldAdapters):
    """All adapters that the engine of this process holds; those used least lately come first."""

    size_bytes: int = Field(description="Memory that they take together")
    pinned_bytes: int = Field(description="What pinned ones take of it")
    limit_bytes: int = Field(
        description="Main memory that they may take: LIFT_ADAPTER_BYTES. Those that answers read "
        "now, and the newest, may go beyond; pinned ones may not"
    )

    @classmethod
    def of(cls, kept: Sequence[KeptAdapter], versions: Versions, limit_bytes: int) -> Self:
        """Show all that an engine holds."""
        return cls(
            data=[HeldAdapter.of(each, versions) for each in kept],
            size_bytes=sum(each.size_bytes for each in kept),
            pinned_bytes=sum(each.size_bytes for each in kept if each.is_pinned),
            limit_bytes=limit_bytes,
        )
