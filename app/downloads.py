"""A document's memory as a file to take away: whole, a part of it, or not again."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import structlog
from fastapi import Depends
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from app import contents, documents
from app.conditional import IfNoneMatch, holds, not_modified, tagged
from app.deps import CallerDep, ServicesDep
from app.errors import AdapterUnusableError, RangeNotSatisfiableError
from app.storage import DamagedFileError, Store

_ONE_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Download:
    """A published adapter's file."""

    document_id: str
    version: int
    sha256: str
    size_bytes: int
    store_key: str

    @property
    def tag(self) -> str:
        """The entity tag: the hash of the content itself."""
        return f'"{self.sha256}"'


def find(session: Session, owner: str, document_id: str) -> Download:
    """Return what a document answers from.

    Raises:
        ApiError: there is no such document, or no memory yet.
    """
    overview = documents.get(session, owner, document_id)
    adapter, job = overview.adapter, overview.answering
    if adapter is None or job is None:
        raise contents.refusal(overview)
    return Download(document_id, job.version, adapter.sha256, adapter.size_bytes, adapter.store_key)


@contextmanager
def responding(request: Request, store: Store, download: Download) -> Iterator[Response]:
    """Give the response, whose file is there as long as it is being sent.

    Raises:
        AdapterUnusableError: the store has lost the file, or it is damaged.
        RangeNotSatisfiableError: the part that is asked for lies behind the end.
    """
    _read_range(request, download)
    with ExitStack() as lent:
        try:
            path = lent.enter_context(store.fetch(download.store_key, download.sha256))
        except (FileNotFoundError, DamagedFileError) as error:
            _log.error("adapter_unusable", document_id=download.document_id, error=str(error))
            raise AdapterUnusableError(
                "the document's adapter file is gone or damaged; relift the document to make a "
                "new one"
            ) from error
        yield _respond(path, download)


def _respond(path: Path, download: Download) -> Response:
    return FileResponse(
        path,
        headers=tagged(download.tag) | {"X-Content-Type-Options": "nosniff"},
        media_type="application/octet-stream",
        filename=f"{download.document_id}-v{download.version}.safetensors",
    )


def _read_range(request: Request, download: Download) -> None:
    """Let only one range of bytes be answered as such; all else is answered whole, as it may be."""
    asked = request.headers.get("range", "").strip()
    found = _ONE_RANGE.fullmatch(asked)
    first, last = found.groups() if found else ("", "")
    if not (first or last) or (first and last and int(last) < int(first)):
        headers = request.scope["headers"]
        request.scope["headers"] = [each for each in headers if each[0] != b"range"]
        return
    size_bytes, known = download.size_bytes, request.headers.get("if-range")
    is_meant = known is None or known in tagged(download.tag).values()
    if is_meant and _is_behind_the_end(first, last, size_bytes):
        raise RangeNotSatisfiableError(
            f"the file has {size_bytes} bytes, and none of {asked}", size_bytes
        )


def _is_behind_the_end(first: str, last: str, size_bytes: int) -> bool:
    return int(first) >= size_bytes if first else int(last) == 0


def get_download(
    document_id: str,
    request: Request,
    caller: CallerDep,
    services: ServicesDep,
    if_none_match: IfNoneMatch = None,
) -> Iterator[Response]:
    """Give the response with a document's memory; its file is held until the response has left."""
    with services.database.reading() as session:  # closed before the store is asked
        download = find(session, caller.owner, document_id)
    if holds(download.tag, if_none_match):
        yield not_modified(download.tag)
    else:
        with responding(request, services.store, download) as response:
            yield response


DownloadDep = Annotated[Response, Depends(get_download)]
