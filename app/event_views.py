"""Events over HTTP: the same in a list and in a stream."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, Field

from app.models import Event, EventKind


class DocumentEvent(BaseModel):
    """Something that happened to a document, in a list or as the data of a server-sent event."""

    id: str | None = Field(
        description="Opaque; what came after it is read with `after` or Last-Event-ID. null for "
        "the end of a stream whose document was deleted"
    )
    type: str = Field(
        description="An open set. stage: {stage, total, unit, completed}. metric, one optimiser "
        "step, told again if it was taken again after an interruption: {step, loss, "
        "gradient_norm, learning_rate, tokens}. log: {message}. done, the end of a version: "
        "{status}. error, a failed attempt, the last one if the status is failed: {code, detail, "
        "status}"
    )
    created_at: datetime
    data: dict[str, Any]

    @classmethod
    def of(cls, event: Event) -> Self:
        """Show an event's row."""
        return cls(id=str(event.id), type=event.kind, created_at=event.created_at, data=event.data)

    @classmethod
    def deleted(cls, now: datetime) -> Self:
        """Tell that there is no document any more, and hence no other event."""
        data = {
            "code": "document_not_found",
            "detail": "The document was deleted.",
            "status": "deleted",
        }
        return cls(id=None, type=EventKind.ERROR, created_at=now, data=data)


class EventPage(BaseModel):
    """Some of a document's events, the oldest first."""

    data: list[DocumentEvent]
    next_cursor: str | None = Field(description="`after` of the next page; null on the last")
    has_more: bool

    @classmethod
    def of(cls, found: Sequence[Event], limit: int) -> Self:
        """Show at most `limit` events; what was found beyond them tells that there are more."""
        shown = [DocumentEvent.of(event) for event in found[:limit]]
        has_more = len(found) > limit
        return cls(data=shown, next_cursor=shown[-1].id if has_more else None, has_more=has_more)
