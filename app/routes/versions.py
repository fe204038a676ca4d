"""`/documents/{document_id}/cancel`, `/retry`, `/relift`: what becomes of a document's training."""

from typing import Annotated

from fastapi import APIRouter, Body, Response

from app import outbox, versions
from app.clock import utc_now
from app.deps import CallerDep, ServicesDep, WriterDep
from app.document_views import DocumentView
from app.once_deps import OnceDep
from app.problems import problem_responses
from app.schemas import Relift

router = APIRouter(tags=["documents"])


@router.post(
    "/documents/{document_id}/cancel",
    status_code=202,
    response_model=DocumentView,
    responses=problem_responses(404, 409, 422),
)
def cancel_document(
    document_id: str, caller: CallerDep, session: WriterDep, once: OnceDep
) -> Response:
    """Stop a document's training, or take it out of the queue; an older memory stays."""
    overview = versions.cancel(session, caller.owner, document_id, utc_now())
    return once.answer(DocumentView.of(overview, utc_now()))


@router.post(
    "/documents/{document_id}/retry",
    status_code=202,
    response_model=DocumentView,
    responses=problem_responses(403, 404, 409, 422),
)
def retry_document(
    document_id: str,
    caller: CallerDep,
    session: WriterDep,
    services: ServicesDep,
    once: OnceDep,
) -> Response:
    """Let a failed or cancelled training go on where it was."""
    overview = versions.retry(session, caller, document_id, utc_now())
    outbox.dispatch_after_commit(session, services.database, services.dispatcher, overview.job)
    return once.answer(DocumentView.of(overview, utc_now()))


@router.post(
    "/documents/{document_id}/relift",
    status_code=202,
    response_model=DocumentView,
    responses=problem_responses(403, 404, 409, 422),
)
def relift_document(
    document_id: str,
    caller: CallerDep,
    session: WriterDep,
    services: ServicesDep,
    once: OnceDep,
    wish: Annotated[Relift, Body()] = Relift(),
) -> Response:
    """Train a new version of a document's memory; the older one answers until it is ready."""
    overview = versions.relift(session, services.store, caller, document_id, wish, utc_now())
    outbox.dispatch_after_commit(session, services.database, services.dispatcher, overview.job)
    return once.answer(DocumentView.of(overview, utc_now()))
