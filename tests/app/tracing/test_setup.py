"""When traces are sent, and what is said if they cannot be."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry import trace

from app.logs import configure_logging
from app.tracing import configure_tracing, flush_traces

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the environment's, nothing that this process keeps."""
    for name in (
        *(ENDPOINT, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_SDK_DISABLED"),
        *("OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_PROTOCOL"),
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(trace, "set_tracer_provider", pytest.fail)
    configure_logging()


def test_tracing_is_off_by_default(capfd: pytest.CaptureFixture[str]) -> None:
    """Without a variable nothing is set up, and nothing is said."""
    configure_tracing("api")
    flush_traces()

    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("off", ["OTEL_SDK_DISABLED=true", "OTEL_TRACES_EXPORTER=none"])
def test_tracing_can_be_switched_off(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], off: str
) -> None:
    """By the standard's own variables, although a collector is named."""
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:4318")
    monkeypatch.setenv(*off.split("="))

    configure_tracing("api")

    assert capfd.readouterr().err == ""


def test_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The server runs without it, and one line says what to install."""
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:4318")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)

    configure_tracing("api")

    (line,) = map(json.loads, capfd.readouterr().err.splitlines())
    assert (line["event"], line["level"]) == ("tracing_off", "warning")
    assert line["install"] == "pip install 'lift-server[otel]'"


def test_protocol_that_is_not_spoken_is_refused_clearly(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Spans over gRPC would silently go nowhere."""
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:4317")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")

    configure_tracing("api")

    (line,) = map(json.loads, capfd.readouterr().err.splitlines())
    assert line["reason"] == "grpc is not spoken; set http/protobuf"


_SPEAK_AND_END = """
from app.tracing import configure_tracing, flush_traces, span
configure_tracing("test")
with span("work", {}):
    pass
flush_traces()
"""


def test_collector_that_hangs_holds_nobody_up() -> None:
    """A process ends soon although what it sends is not taken for minutes."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environment = os.environ | {
            ENDPOINT: f"http://127.0.0.1:{silent.getsockname()[1]}",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "300",
            "PYTHONPATH": str(Path.cwd()),
        }
        command = [sys.executable, "-c", _SPEAK_AND_END]
        ended = subprocess.run(command, env=environment, timeout=120, check=False)

    assert ended.returncode == 0
