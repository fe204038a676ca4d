"""An audit never passes for one that was not made."""

import json
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.supply.audit import Outcome, Report, audit
from tests.supply.locks import ROOT, read_lock

_PIP_AUDIT = ROOT / ".venv/supply/bin/pip-audit"
_PINS = "good==1.0\nbad==2.0\n"
_GOOD = {"name": "good", "version": "1.0", "vulns": []}
_BAD = {"name": "bad", "version": "2.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"]}]}
_UNKNOWN = {"name": "bad", "skip_reason": "not found"}

Audited = Callable[[str, str], Report]


@pytest.fixture
def audited(tmp_path: Path) -> Audited:
    """Audit two packages with a tool that prints these two texts."""

    def run(stdout: str, stderr: str) -> Report:
        tool, pins = tmp_path / "tool", tmp_path / "pins.txt"
        tool.write_text(
            f"#!{sys.executable}\nimport sys\n"
            f"sys.stdout.write({stdout!r})\nsys.stderr.write({stderr!r})\n"
        )
        tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
        pins.write_text(_PINS)
        return audit(tool, read_lock(pins))

    return run


@pytest.mark.parametrize(
    ("packages", "outcome", "lines"),
    [
        ([_GOOD, {**_GOOD, "name": "bad"}], Outcome.CLEAN, []),
        ([_GOOD, _BAD], Outcome.VULNERABLE, ["bad 2.0: PYSEC-1 (fixed in 2.1)"]),
        ([_GOOD, _UNKNOWN], Outcome.PARTLY_CHECKED, ["bad"]),
        ([_GOOD], Outcome.PARTLY_CHECKED, ["some packages were left out"]),
        ([_UNKNOWN, _UNKNOWN], Outcome.NOT_CHECKED, ["the service knows none of the packages"]),
        ([], Outcome.NOT_CHECKED, ["the service knows none of the packages"]),
    ],
)
def test_answer_is_judged_by_what_was_checked(
    audited: Audited, packages: list[dict[str, Any]], outcome: Outcome, lines: list[str]
) -> None:
    """What the service does not know is not clean, although the tool ends well."""
    assert audited(json.dumps({"dependencies": packages}), "") == Report(outcome, lines)


@pytest.mark.parametrize(
    ("stderr", "outcome"),
    [
        ("Traceback\nrequests.exceptions.ConnectionError: no such host", Outcome.NOT_CHECKED),
        ("ERROR: invalid requirements input", Outcome.FAILED),
        ("", Outcome.FAILED),
    ],
)
def test_tool_without_an_answer_is_told(audited: Audited, stderr: str, outcome: Outcome) -> None:
    """A service out of reach is told apart from a tool that does not work."""
    report = audited("", stderr)

    assert report.outcome is outcome
    assert report.lines == [stderr.splitlines()[-1] if stderr else "it printed nothing"]


@pytest.mark.parametrize("outcome", Outcome)
def test_only_clean_and_unreachable_end_well(
    outcome: Outcome, capsys: pytest.CaptureFixture[str]
) -> None:
    """Offline is no failure; what is found, left out or broken is; each says which it was."""
    status = Report(outcome, ["finding"]).print(3)

    assert (status == 0) is (outcome in (Outcome.CLEAN, Outcome.NOT_CHECKED))
    assert capsys.readouterr().out == f"finding\npip-audit, 3 packages: {outcome.value[0]}\n"


@pytest.mark.supply
@pytest.mark.parametrize(
    ("version", "outcome"), [("2.0", Outcome.VULNERABLE), ("3.0", Outcome.CLEAN)]
)
def test_real_tool_finds_what_a_service_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, outcome: Outcome
) -> None:
    """pip-audit itself, at a service that knows one vulnerability of one version."""
    pins = tmp_path / "pins.txt"
    pins.write_text(f"good==1.0\nbad=={version}\n")
    with _advisories("bad", "2.0") as url:
        monkeypatch.setenv("PIP_AUDIT_VULNERABILITY_SERVICE", "osv")
        monkeypatch.setenv("PIP_AUDIT_OSV_URL", url)
        report = audit(_PIP_AUDIT, read_lock(pins))

    found = ["bad 2.0: PYSEC-1 (fixed in 2.1)"]
    assert report == Report(outcome, found if outcome is Outcome.VULNERABLE else [])


@contextmanager
def _advisories(name: str, version: str) -> Iterator[str]:
    affected = {
        "package": {"name": name, "ecosystem": "PyPI"},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.1"}]}],
    }

    class Service(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            hit = (asked["package"]["name"], asked["version"]) == (name, version)
            body = {"vulns": [{"id": "PYSEC-1", "affected": [affected]}]} if hit else {}
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
    finally:
        server.shutdown()
        server.server_close()
