"""`/batches`: an archive whose files become a document each."""

from fastapi import APIRouter, Response

from app import batches, outbox
from app.batch_views import DocumentBatch
from app.clock import utc_now
from app.deps import ArchiveDep, CallerDep, MembersDep, ServicesDep, WriterDep
from app.once_deps import ArchiveOnceDep
from app.problems import problem_responses
from app.uploads import describe_archive

router = APIRouter(tags=["documents"])


@router.post(
    "/batches",
    status_code=202,
    response_model=DocumentBatch,
    responses=problem_responses(400, 403, 409, 413, 415, 422, 503),
    openapi_extra=describe_archive(),
)
def create_documents(
    caller: CallerDep,
    archive: ArchiveDep,
    members: MembersDep,
    session: WriterDep,
    services: ServicesDep,
    once: ArchiveOnceDep,
) -> Response:
    """Upload a ZIP archive of documents; all its files become documents, or none does."""
    max_bytes = services.settings.max_document_bytes
    found = batches.create_all(
        session, services.store, caller, archive, members, max_bytes, utc_now()
    )
    for _, taken in found:
        if taken.is_new:
            job = taken.overview.job
            outbox.dispatch_after_commit(session, services.database, services.dispatcher, job)
    return once.answer(DocumentBatch.of(found, utc_now()))
