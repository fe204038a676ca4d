"""Documents with a memory as models."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Self

from pydantic import BaseModel, Field
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app import contents, documents, errors
from app.models import Adapter, Document
from app.openai.translation import no_model


class Model(BaseModel):
    """A document whose memory can be asked."""

    id: str = Field(description="The document's id")
    object: Literal["model"]
    created: int = Field(description="When the document was uploaded, in seconds since 1970")
    owned_by: str
    root: str = Field(description="The base model that answers")
    parent: str = Field(description="The base model that answers")
    name: str = Field(description="The document's title, which some clients show")

    @classmethod
    def of(cls, document_id: str, title: str, created_at: datetime, owner: str, base: str) -> Self:
        """Show a document as a model of `base`."""
        return cls(
            id=document_id,
            object="model",
            created=int(created_at.timestamp()),
            owned_by=owner,
            root=base,
            parent=base,
            name=title,
        )


class ModelList(BaseModel):
    """All models of an owner, on one page."""

    object: Literal["list"]
    data: list[Model]

    @classmethod
    def of(cls, models: Sequence[Model]) -> Self:
        """Show models."""
        return cls(object="list", data=list(models))


def find_models(session: Session, owner: str, base: str) -> list[Model]:
    """Return an owner's documents that have a memory, the newest first."""
    has_memory = exists().where(Adapter.document_id == Document.id)
    own = select(Document.id, Document.title, Document.created_at).where(Document.owner == owner)
    rows = session.execute(own.where(has_memory).order_by(Document.id.desc()))
    return [Model.of(*row, owner, base) for row in rows]


def get_model(session: Session, owner: str, model_id: str, base: str) -> Model:
    """Return one document that has a memory.

    Raises:
        ModelNotFoundError: the owner has no such document, or it has no memory yet.
    """
    try:
        overview = documents.get(session, owner, model_id)
        if overview.adapter is None:
            raise contents.refusal(overview)
    except errors.ApiError as error:
        raise no_model(model_id, error) from error
    document = overview.document
    return Model.of(document.id, document.title, document.created_at, owner, base)
