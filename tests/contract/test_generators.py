"""Generators of clients take both documents whole, and what they make is code."""

import json
from pathlib import Path

import pytest

from app.openapi.walking import operations_of
from tests.contract.conftest import FOLDER, ROOT, run

DOCUMENTS = ["openapi.json", "openapi-3.0.json"]


@pytest.mark.usefixtures("java")
@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("language", ["python", "java", "go"])
def test_openapi_generator_makes_a_client(
    python_tools: Path, tmp_path: Path, language: str, document: str
) -> None:
    """Every operation has a method by its name; the Python client is imported and made."""
    source = ROOT / "app" / "openapi" / document
    options = ["-g", language, "-o", tmp_path, "--strict-spec", "true"]
    run(python_tools / "openapi-generator-cli", "generate", "-i", source, *options, cwd=tmp_path)

    made = "\n".join(
        path.read_text() for path in tmp_path.rglob("*") if path.suffix in (".py", ".java", ".go")
    )
    assert [name for name in _operation_names(source) if _spelled(name, language) not in made] == []
    if language == "python":
        use = "import openapi_client; openapi_client.QuestionsApi().ask_document"
        run(python_tools / "python", "-W", "error", "-c", use, cwd=tmp_path)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_openapi_python_client_leaves_nothing_out(
    python_tools: Path, tmp_path: Path, document: str
) -> None:
    """It warns of nothing, and every operation has its module."""
    source = ROOT / "app" / "openapi" / document
    said = run(
        python_tools / "openapi-python-client",
        "generate",
        *("--path", source, "--config", FOLDER / "client.yaml", "--fail-on-warning"),
        *("--output-path", tmp_path / "made"),
        cwd=tmp_path,
        PATH=f"{python_tools}:/usr/bin:/bin",
    )
    modules = {path.stem for path in (tmp_path / "made" / "lift_client" / "api").rglob("*.py")}

    assert "arning" not in said
    assert set(_operation_names(source)) <= modules


def _operation_names(source: Path) -> list[str]:
    document = json.loads(source.read_text())
    return [operation.body["operationId"] for operation in operations_of(document)]


def _spelled(name: str, language: str) -> str:
    first, *rest = name.split("_")
    others = "".join(word.capitalize() for word in rest)
    return {
        "python": f"def {name}(",
        "java": f" {first}{others}(",
        "go": f"{first.title()}{others}(",
    }[language]
