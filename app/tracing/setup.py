"""Sends spans to the collector that OpenTelemetry's own variables name, if they name one."""

import atexit
import os
from threading import Thread

import structlog
from opentelemetry import trace

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_SPOKEN = "http/protobuf"
_FLUSH_SECONDS = 2.0
_INSTALL = "pip install 'lift-server[otel]'"
_log = structlog.get_logger()


def configure_tracing(part: str) -> None:
    """Send this process's spans from now on, if that is wished for; `part` names the process.

    What is missing for it is logged, and nothing is sent.
    """
    if not _is_wished_for() or hasattr(trace.get_tracer_provider(), "add_span_processor"):
        return
    protocol = next(filter(None, map(os.environ.get, _PROTOCOLS)), _SPOKEN)
    if protocol != _SPOKEN:
        _log.warning("tracing_off", reason=f"{protocol} is not spoken; set {_SPOKEN}")
        return
    try:
        _configure(part)
    except ImportError:
        _log.warning("tracing_off", reason="OpenTelemetry's SDK is not installed", install=_INSTALL)


def flush_traces() -> None:
    """Send what has ended, before somebody ends this process; a collector that is away costs
    seconds, whatever the SDK would wait.
    """
    provider = trace.get_tracer_provider()
    if hasattr(provider, "force_flush"):
        flushing = Thread(target=provider.force_flush, daemon=True)
        flushing.start()
        flushing.join(_FLUSH_SECONDS)


def _is_wished_for() -> bool:
    is_off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    exporter = os.environ.get("OTEL_TRACES_EXPORTER") or "otlp"
    return exporter == "otlp" and not is_off and any(map(os.environ.get, _ENDPOINTS))


def _configure(part: str) -> None:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({"lift.process": part} | _service_name())
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    atexit.register(flush_traces)


def _service_name() -> dict[str, str]:
    given = os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    is_named = os.environ.get("OTEL_SERVICE_NAME") or "service.name=" in given
    return {} if is_named else {"service.name": "lift-server"}
