"""For whose sake a job is done: the request that asked for it, and that request's trace.

It stands in the job's row, not in the message that tells of the job: a worker takes the job that is
next, whichever the message names.
"""

from typing import TypedDict

from app.request_ids import current_request_id
from app.tracing import current_trace_parent


class Origin(TypedDict):
    """Columns of a job."""

    request_id: str | None
    trace_parent: str | None


def origin() -> Origin:
    """Return the request that is being answered; outside of one there is none to name."""
    return Origin(request_id=current_request_id() or None, trace_parent=current_trace_parent())
