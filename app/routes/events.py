"""`/documents/{document_id}/events`: what happened, page by page or as it happens."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Response

from app import documents, events, streams
from app.deps import CallerDep, ReaderDep, ServicesDep, WatchDep, hold_place
from app.event_views import EventPage
from app.problems import problem_responses

router = APIRouter(tags=["events"])

After = Annotated[
    str | None, Query(max_length=200, description="Id of an event: those behind it are told")
]
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Each message's data is a DocumentEvent; its event field is the type",
        "content": {
            "text/event-stream": {"schema": {"$ref": "#/components/schemas/DocumentEvent"}}
        },
    },
    204: {"description": "Nothing more will happen by itself, and you were told all"},
}


@router.get("/documents/{document_id}/events", responses=problem_responses(404, 422))
def list_events(
    document_id: str,
    caller: CallerDep,
    session: ReaderDep,
    after: After = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> EventPage:
    """List what happened to a document, the oldest first, page by page."""
    documents.require_own(session, caller.owner, document_id)
    known = events.read_id(after)
    return EventPage.of(events.find_after(session, document_id, known, limit + 1), limit)


@router.get(
    "/documents/{document_id}/events/stream",
    response_class=Response,  # with another one FastAPI would say that the body is a string
    responses=_STREAM | problem_responses(404, 422, 503),
    dependencies=[Depends(hold_place)],
)
async def stream_events(
    document_id: str,
    caller: CallerDep,
    services: ServicesDep,
    watch: WatchDep,
    after: After = None,
    last_event_id: Annotated[
        str | None, Header(max_length=200, description="Like `after`, and stronger")
    ] = None,
) -> Response:
    """Hear what happens to a document: all from its beginning to the end of its newest version."""
    known = events.read_id(last_event_id or after)
    return await streams.tell(watch, services.database, caller.owner, document_id, known)
