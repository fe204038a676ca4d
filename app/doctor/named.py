"""Which files the database's rows name."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select, union_all
from sqlalchemy.orm import Session

from app.models import Adapter, Document, Job
from app.storage import outline_key, source_key, text_key

_MADE_FIRST = (text_key, outline_key)


class Role(StrEnum):
    """What a file is to its document."""

    SOURCE = "source"
    TEXT = "text"
    ADAPTER = "adapter"
    CHECKPOINT = "checkpoint"


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that has to be there, because a row says so."""

    role: Role
    key: str
    document_id: str
    row_id: str
    """Of the document, the adapter or the job."""
    sha256: str | None = None
    """What the row says of its content; None if it says nothing."""
    size_bytes: int = 0
    num_characters: int | None = None
    """Length of a text."""


@dataclass(frozen=True, slots=True)
class Names:
    """What the rows name, at one moment."""

    files: frozenset[NamedFile]
    document_ids: frozenset[str]
    keys: frozenset[str]
    """Keys of the files, and of texts and outlines, of which no row says that they are there."""


def find_names(session: Session) -> Names:
    """Read what all rows name."""
    files = frozenset([*_of_documents(session), *_adapters(session), *_checkpoints(session)])
    document_ids = frozenset(file.document_id for file in files if file.role is Role.SOURCE)
    keys = {file.key for file in files}
    keys |= {key_of(document_id) for document_id in document_ids for key_of in _MADE_FIRST}
    return Names(files, document_ids, frozenset(keys))


def is_named(session: Session, key: str) -> bool:
    """Say whether a row names this key of a document's file now, or will."""
    _, document_id, *_ = key.split("/")
    if key in (key_of(document_id) for key_of in (source_key, *_MADE_FIRST)):
        return session.get(Document, document_id) is not None
    adapter = select(Adapter.id).where(Adapter.store_key == key)
    checkpoint = select(Job.id).where(Job.checkpoint_key == key)
    return session.scalar(union_all(adapter, checkpoint).limit(1)) is not None


def _of_documents(session: Session) -> Iterator[NamedFile]:
    for document in session.scalars(select(Document)):
        own = document.id
        yield NamedFile(
            Role.SOURCE, source_key(own), own, own, document.sha256, document.size_bytes
        )
        length = document.num_characters
        if length is not None:
            yield NamedFile(Role.TEXT, text_key(own), own, own, num_characters=length)


def _adapters(session: Session) -> Iterator[NamedFile]:
    columns = (
        Adapter.store_key,
        Adapter.document_id,
        Adapter.id,
        Adapter.sha256,
        Adapter.size_bytes,
    )
    for row in session.execute(select(*columns)):
        yield NamedFile(Role.ADAPTER, *row)


def _checkpoints(session: Session) -> Iterator[NamedFile]:
    for job in session.execute(select(Job.checkpoint_key, Job.document_id, Job.id)):
        if job.checkpoint_key is not None:
            yield NamedFile(Role.CHECKPOINT, job.checkpoint_key, job.document_id, job.id)
