"""What routes ask for whose requests may come twice: what answers the second as the first."""

from typing import Annotated, Any

from anyio import to_thread
from fastapi import Depends, Header, Request
from sqlalchemy.orm import Session

from app import uploads
from app.callers import Caller
from app.clock import utc_now
from app.deps import ArchiveDep, CallerDep, ServicesDep, UploadDep, WriterDep
from app.idempotency import Keyed, Once, begin_once, sha256_of_request
from app.services import Services

IdempotencyKeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[ -~]+$",
        description="Any name for this request: sent again under it within 24 hours, it is carried "
        "out once, and answered as it was",
    ),
]


async def get_once(
    request: Request,
    caller: CallerDep,
    session: WriterDep,
    services: ServicesDep,
    key: IdempotencyKeyHeader = None,
) -> Once:
    """Give what answers a request that may come twice, told apart by its body."""
    asked = (await request.body()).hex() if key else None
    return await to_thread.run_sync(_begin_once, request, caller, session, services, key, asked)


def get_upload_once(
    request: Request,
    upload: UploadDep,
    caller: CallerDep,
    session: WriterDep,
    services: ServicesDep,
    key: IdempotencyKeyHeader = None,
) -> Once:
    """Give what answers an upload that may come twice, told apart by what is uploaded."""
    asked = uploads.asked_of(upload) if key else None
    return _begin_once(request, caller, session, services, key, asked)


def get_archive_once(
    request: Request,
    archive: ArchiveDep,
    caller: CallerDep,
    session: WriterDep,
    services: ServicesDep,
    key: IdempotencyKeyHeader = None,
) -> Once:
    """Give what answers an archive that may come twice, told apart by what is uploaded."""
    return get_upload_once(request, archive, caller, session, services, key)


def _begin_once(
    request: Request,
    caller: Caller,
    session: Session,
    services: Services,
    key: str | None,
    asked: Any,
) -> Once:
    if key is None:
        return Once(session, None)
    request_sha256 = sha256_of_request(request.url.path, asked)
    keyed = Keyed(caller.owner, key, request_sha256, begun_at=utc_now())
    return begin_once(services.database, session, keyed)


OnceDep = Annotated[Once, Depends(get_once)]
UploadOnceDep = Annotated[Once, Depends(get_upload_once)]
ArchiveOnceDep = Annotated[Once, Depends(get_archive_once)]
