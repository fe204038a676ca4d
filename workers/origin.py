"""What the logs and the trace of an attempt bear: who asked for it, which job, which attempt."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import structlog
from opentelemetry.trace import SpanKind

from app.leases import Lease
from app.tracing import continued, current_trace_parent, span

_TRACE_PARENT = "trace_parent"


class Claimed(NamedTuple):
    """An attempt that begins."""

    lease: Lease
    document_id: str
    attempt: int
    request_id: str | None
    """Of the request that asked for the job."""
    trace_parent: str | None

    @property
    def names(self) -> dict[str, str]:
        """What is logged with everything: no other attempt has the same."""
        job_id = self.lease.job_id
        names = {"job_id": job_id, "attempt_id": f"{job_id}.{self.attempt}"}
        return names | ({"request_id": self.request_id} if self.request_id else {})


@contextmanager
def attempted(claimed: Claimed) -> Iterator[dict[str, str]]:
    """Log and trace what is done within as one attempt; gives what `carried_on` takes elsewhere."""
    names = claimed.names
    traced = {f"lift.{name}": value for name, value in names.items()}
    with (
        structlog.contextvars.bound_contextvars(**names),
        continued(claimed.trace_parent),
        span("attempt", traced, SpanKind.CONSUMER),
    ):
        parent = current_trace_parent()
        yield names | ({_TRACE_PARENT: parent} if parent else {})


@contextmanager
def carried_on(names: Mapping[str, str]) -> Iterator[None]:
    """Log and trace what is done within as a part of that attempt, in another process."""
    logged = {name: value for name, value in names.items() if name != _TRACE_PARENT}
    with structlog.contextvars.bound_contextvars(**logged), continued(names.get(_TRACE_PARENT)):
        yield
