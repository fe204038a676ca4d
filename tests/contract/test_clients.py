"""The clients of `app/openapi/README.md` are generated and do what it says, with a real server."""

import re
from pathlib import Path

import pytest

from tests.contract.conftest import FOLDER, ROOT, run

TEXT = "The Kite Post carries letters between the cliffs. Each is sealed with blue wax. " * 3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the file that the examples upload."""
    (tmp_path / "kitepost.md").write_text(TEXT)
    return tmp_path


def test_python_client_does_what_the_readme_says(
    python_tools: Path, folder: Path, server_url: str
) -> None:
    """It uploads, waits, asks for an answer whole and in pieces, and deletes."""
    run("make", "client", f"CLIENT={folder / 'made'}", cwd=ROOT)
    (folder / "example.py").write_text(_example("python", server_url))

    said = run(python_tools / "python", "example.py", cwd=folder, PYTHONPATH=str(folder / "made"))

    _assert_said_twice(said)


def test_typescript_client_does_what_the_readme_says(
    node_tools: Path, folder: Path, server_url: str
) -> None:
    """It does the same, and its types hold."""
    source = ROOT / "app" / "openapi" / "openapi.json"
    run(node_tools / "openapi-ts", "-i", source, "-o", folder / "lift", cwd=FOLDER)
    (folder / "example.ts").write_text(_in_a_function(_example("typescript", server_url)))
    types = ["--typeRoots", FOLDER / "node_modules" / "@types", "--types", "node"]
    options = ["--strict", "--target", "es2022", "--module", "commonjs", "--skipLibCheck"]
    run(node_tools / "tsc", *options, *types, "--outDir", "made", "example.ts", cwd=folder)

    said = run("node", "made/example.js", cwd=folder)

    _assert_said_twice(said)


def test_curl_does_what_the_readme_says(folder: Path, server_url: str) -> None:
    """The whole way without any client."""
    said = run("bash", "-euc", _example("sh", server_url), cwd=folder)

    assert '"memory":"used"' in said
    assert "event: answer.delta" in said
    assert "event: answer.done" in said


def _example(language: str, server_url: str) -> str:
    readme = (ROOT / "app" / "openapi" / "README.md").read_text()
    found = re.search(rf"^```{language}\n(.+?)^```", readme, re.DOTALL | re.MULTILINE)
    assert found
    return found[1].replace("http://127.0.0.1:8000", server_url).replace("lift_…", "lift_key")


def _in_a_function(example: str) -> str:
    imports, _, rest = example.partition("\n\n")
    return f"{imports}\n\nasync function main() {{\n{rest}}}\nvoid main();\n"


def _assert_said_twice(said: str) -> None:
    """The answer, its share of memory, a line end, and the answer once more, piece by piece."""
    whole = re.fullmatch(r"(.+) (0\.\d+|1|1\.0)\n(.*)", said, re.DOTALL)
    assert whole, said
    assert whole[1] == whole[3]
