"""Traces by OpenTelemetry: off, unless its standard variables name a collector.

What is traced bears ids, counts and times; never a text, nor what an exception says. The API of
OpenTelemetry does nothing by itself: `setup` gives it its SDK, from the extra `otel`.
"""

from app.tracing.setup import configure_tracing, flush_traces
from app.tracing.spans import continued, current_trace_parent, span

__all__ = ["configure_tracing", "continued", "current_trace_parent", "flush_traces", "span"]
