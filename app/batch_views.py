"""How an archive looks that became many documents."""

from collections.abc import Sequence
from datetime import datetime
from typing import Self

from pydantic import BaseModel, Field

from app.batches import TakenMember
from app.document_views import DocumentView


class BatchEntry(BaseModel):
    """A file of the archive."""

    file: str = Field(description="Its path in the archive")
    is_new: bool = Field(description="False if the same was uploaded before: this is it")
    document: DocumentView


class DocumentBatch(BaseModel):
    """What became of an archive, in the order of its files' names."""

    data: list[BatchEntry]

    @classmethod
    def of(cls, found: Sequence[TakenMember], now: datetime) -> Self:
        """Show the documents."""
        return cls(
            data=[
                BatchEntry(
                    file=name,
                    is_new=taken.is_new,
                    document=DocumentView.of(taken.overview, now),
                )
                for name, taken in found
            ]
        )
