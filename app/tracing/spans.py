"""Spans that keep to themselves what an exception says, and how a trace goes on elsewhere."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import context, trace
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

Value = str | int | float | bool
_HEADER = "traceparent"
_w3c = TraceContextTextMapPropagator()


def begin(name: str, attributes: Mapping[str, Value]) -> Span:
    """Begin a span that is nobody's parent; whoever begins it ends it."""
    return trace.get_tracer("lift").start_span(name, attributes=attributes)


@contextmanager
def span(
    name: str, attributes: Mapping[str, Value], kind: SpanKind = SpanKind.INTERNAL
) -> Iterator[Span]:
    """Trace what is done within; an exception is told by its type."""
    tracer = trace.get_tracer("lift")
    with tracer.start_as_current_span(
        name,
        kind=kind,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        try:
            yield current
        except Exception as error:
            current.set_status(StatusCode.ERROR, type(error).__name__)
            raise


@contextmanager
def continued(trace_parent: str | None) -> Iterator[None]:
    """Let what is done within belong to a trace that began elsewhere; to none without one."""
    carrier = {_HEADER: trace_parent} if trace_parent else {}
    token = context.attach(_w3c.extract(carrier, context.Context()))
    try:
        yield
    finally:
        context.detach(token)


def current_trace_parent() -> str | None:
    """Return the place in the trace, for what is done elsewhere; None if nothing is traced."""
    carrier: dict[str, str] = {}
    _w3c.inject(carrier)
    return carrier.get(_HEADER)
