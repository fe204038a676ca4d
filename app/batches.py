"""Takes an archive in as many documents: all of its files, or none. Nobody commits here."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from anyio import CapacityLimiter
from fastapi.concurrency import contextmanager_in_threadpool
from sqlalchemy.orm import Session

from app import intake
from app.callers import Caller
from app.errors import ApiError
from app.ingest.errors import IngestError
from app.ingest.unpacking import Member, unpacked
from app.intake import Taken, Upload
from app.storage import Store
from app.upload_checks import refusal_of
from app.upload_names import LONGEST_TITLE

MOST_AT_ONCE = 2
"""Archives that are unpacked at once: each may take a process's memory, and as much of a disk."""


class TakenMember(NamedTuple):
    """What became of an archive's file."""

    name: str
    """Its path in the archive."""
    taken: Taken


@asynccontextmanager
async def lend_members(archive: Upload, limiter: CapacityLimiter) -> AsyncIterator[list[Member]]:
    """Unpack an archive when its turn has come; its files are gone when the request is over.

    Raises:
        ApiError: it is no archive of documents, or takes more than it may.
    """
    async with limiter, contextmanager_in_threadpool(_unpacked(archive)) as members:
        yield members


def create_all(
    session: Session,
    store: Store,
    caller: Caller,
    archive: Upload,
    members: Sequence[Member],
    max_bytes: int,
    now: datetime,
) -> list[TakenMember]:
    """Put every file into the store, then queue them all, in their order.

    Raises:
        ApiError: a file is refused, which it names.
        StoreError: the store cannot be reached.
    """
    kept = []
    for member in members:
        title = member.name[-LONGEST_TITLE:]
        upload = replace(archive, content=member.content, filename=member.name, title=title)
        with _naming(member):
            kept.append(intake.keep(session, store, caller, upload, max_bytes, now))
    taken = [intake.queue(session, store, caller, each, now) for each in kept]
    return [
        TakenMember(member.name, each)
        for member, each in zip(members, intake.with_places(session, taken), strict=True)
    ]


@contextmanager
def _unpacked(archive: Upload) -> Iterator[list[Member]]:
    try:
        with unpacked(archive.content) as members:
            yield members
    except IngestError as error:
        raise refusal_of(error) from error


@contextmanager
def _naming(member: Member) -> Iterator[None]:
    try:
        yield
    except ApiError as error:
        error.detail = f"in the archive's file {member.name!r}: {error.detail}"
        error.extras["file"] = member.name
        raise
