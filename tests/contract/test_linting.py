"""Linters of OpenAPI documents find nothing, hints included."""

from pathlib import Path

import pytest

from tests.contract.conftest import FOLDER, ROOT, run

DOCUMENTS = ["openapi.json", "openapi-3.0.json"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_spectral_finds_nothing(node_tools: Path, name: str) -> None:
    """All of its own rules and of OWASP's hold, but for those that `spectral.mjs` gives up."""
    document = ROOT / "app" / "openapi" / name
    rules = ["--ruleset", FOLDER / "spectral.mjs", "--fail-severity", "hint"]

    said = run(node_tools / "spectral", "lint", document, *rules, cwd=FOLDER)

    assert "No results with a severity of 'hint' or higher found!" in said


@pytest.mark.parametrize("name", DOCUMENTS)
def test_redocly_finds_nothing(node_tools: Path, name: str) -> None:
    """Everything that it recommends holds."""
    document = ROOT / "app" / "openapi" / name
    rules = ["--config", FOLDER / "redocly.yaml"]

    said = run(node_tools / "redocly", "lint", document, *rules, cwd=FOLDER, **_IN_SILENCE)

    assert "Your API description is valid" in said


_IN_SILENCE = {"REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "REDOCLY_TELEMETRY": "off"}
