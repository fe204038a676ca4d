"""`/documents`: upload, list, look at, delete."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import PlainTextResponse

from app import contents, documents, intake, outbox
from app.clock import utc_now
from app.conditional import (
    NOT_MODIFIED,
    IfNoneMatch,
    answer,
    holds,
    not_modified,
    tagged,
)
from app.db import after_commit
from app.deps import CallerDep, ReaderDep, ServicesDep, UploadDep, WriterDep, wait_for_change
from app.document_views import DocumentDetail, DocumentPage, DocumentView
from app.downloads import DownloadDep
from app.models import JobState
from app.once_deps import UploadOnceDep
from app.pairs import QAPairList
from app.problems import problem_responses
from app.uploads import describe_upload

router = APIRouter(tags=["documents"])

_FILE = {"type": "string", "format": "binary"}


@router.post(
    "/documents",
    status_code=202,
    response_model=DocumentView,
    responses={
        200: {"model": DocumentView, "description": "The same was uploaded before: this is it"},
        **problem_responses(400, 403, 404, 409, 413, 415, 422, 503),
    },
    openapi_extra=describe_upload(),
)
def create_document(
    caller: CallerDep,
    upload: UploadDep,
    session: WriterDep,
    services: ServicesDep,
    once: UploadOnceDep,
) -> Response:
    """Upload a document; its memory is trained in the background. The same again is the same."""
    max_bytes = services.settings.max_document_bytes
    overview, is_new = intake.create(session, services.store, caller, upload, max_bytes, utc_now())
    if is_new:
        outbox.dispatch_after_commit(session, services.database, services.dispatcher, overview.job)
    location = f"/documents/{overview.document.id}"
    return once.answer(DocumentView.of(overview, utc_now()), 202 if is_new else 200, location)


@router.get("/documents", responses=problem_responses(422))
def list_documents(
    caller: CallerDep,
    session: ReaderDep,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    status: Annotated[JobState | None, Query(description="Of the newest version")] = None,
    q: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=200,
            pattern=r"^[^\x00-\x1f\x7f]*$",
            description="A part of the title",
        ),
    ] = None,
) -> DocumentPage:
    """List documents, the newest first, page by page."""
    page = documents.find_page(session, caller.owner, cursor, limit, status=status, part_of_title=q)
    now = utc_now()
    return DocumentPage(
        data=[DocumentView.of(overview, now) for overview in page.overviews],
        next_cursor=page.next_cursor,
        has_more=page.next_cursor is not None,
    )


@router.get(
    "/documents/{document_id}",
    response_model=DocumentDetail,
    responses={304: NOT_MODIFIED, **problem_responses(404, 422, 503)},
    dependencies=[Depends(wait_for_change)],
)
def get_document(
    document_id: str, caller: CallerDep, session: ReaderDep, if_none_match: IfNoneMatch = None
) -> Response:
    """Look at one document: status, progress, loss curve, quality; at once, or when it changes."""
    detail = DocumentDetail.read(session, caller.owner, document_id, utc_now())
    return answer(detail, detail.tag, if_none_match)


@router.get(
    "/documents/{document_id}/text",
    responses={
        200: {"content": {"text/plain": {}}},
        304: NOT_MODIFIED,
        **problem_responses(404, 409, 422, 503),
    },
    response_class=PlainTextResponse,
)
def get_text(
    document_id: str, caller: CallerDep, services: ServicesDep, if_none_match: IfNoneMatch = None
) -> Response:
    """Read a document's text, as it was parsed."""
    with services.database.reading() as session:  # closed before the store is asked
        overview = documents.get(session, caller.owner, document_id)
        contents.require_text(overview)
    tag = contents.text_tag(overview)
    if holds(tag, if_none_match):
        return not_modified(tag)
    text = contents.read_text(services.store, document_id)
    headers = tagged(tag) | {"X-Content-Type-Options": "nosniff"}
    return PlainTextResponse(text, headers=headers)


@router.get(
    "/documents/{document_id}/adapter",
    responses={
        200: {"content": {"application/octet-stream": {"schema": _FILE}}},
        206: {"description": "The range of bytes that was asked for"},
        304: NOT_MODIFIED,
        **problem_responses(404, 409, 416, 422, 503),
    },
    response_class=Response,
)
def get_adapter(download: DownloadDep) -> Response:
    """Take away the memory that a document answers from, as a safetensors file."""
    return download


@router.get("/documents/{document_id}/qa-pairs", responses=problem_responses(404, 422))
def list_pairs(document_id: str, caller: CallerDep, session: ReaderDep) -> QAPairList:
    """List the question/answer pairs that were written about a document, in its order."""
    overview = documents.get(session, caller.owner, document_id)
    return QAPairList.of(overview.document, contents.pairs_of(session, overview.job.id))


@router.delete("/documents/{document_id}", status_code=204, responses=problem_responses(404, 422))
def delete_document(
    document_id: str, caller: CallerDep, session: WriterDep, services: ServicesDep
) -> None:
    """Delete a document and all that was made of it; training that runs for it is stopped."""
    documents.remove(session, caller.owner, document_id)
    after_commit(session, partial(documents.discard, services.store, document_id))
    after_commit(session, partial(services.answerer.forget, document_id))
    after_commit(session, partial(services.library.forget, document_id))
