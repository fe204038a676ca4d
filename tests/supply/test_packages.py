"""Wheel and sdist hold what belongs into them, and nothing of what lies about in a working tree."""

import shutil
import subprocess
import sys
import tarfile
import tomllib
from email.parser import HeaderParser
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.supply.locks import ROOT

_TARGETS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"][
    "build"
]["targets"]
_LITTER = [
    ".env",
    ".venv/lib/secret.py",
    "app/__pycache__/main.cpython-311.pyc",
    "data/lift.db",
    "notes.txt",
    "shared/draft.md",
    "tests/.hypothesis/example",
]
_OF_THE_SDIST = {".gitignore", "LICENSE", "README.md", "pyproject.toml"}
"""What hatchling adds to what is named."""


def known_files() -> list[str]:
    """Return what git knows or would add, by path."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [path for path in listed.stdout.split("\0") if path and (ROOT / path).is_file()]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of both, built from a copy of the tree with litter in it."""
    if not (ROOT / ".git").exists():
        pytest.skip("what belongs into the packages is what git knows")
    tree, dist = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("dist")
    for path in known_files():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, tree / path)
    for path in _LITTER:
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text("not for others", encoding="utf-8")
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(dist)]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dist


@pytest.fixture(scope="module")
def wheel_files(built: Path) -> dict[str, bytes]:
    """Each file of the wheel."""
    [path] = built.glob("*.whl")
    with ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_wheel_holds_the_three_packages_and_no_other_file(wheel_files: dict[str, bytes]) -> None:
    """Code, migrations, page, samples and templates are all there; tests and litter are not."""
    target = _TARGETS["wheel"]
    roots = tuple(f"{name}/" for name in target["packages"])
    left_out = tuple(f"{path}/" for path in target.get("exclude", []))
    expected = {
        path: (ROOT / path).read_bytes()
        for path in known_files()
        if path.startswith(roots) and not path.startswith(left_out)
    }

    assert {
        name: content for name, content in wheel_files.items() if ".dist-info/" not in name
    } == expected


@pytest.mark.parametrize(
    "path",
    [
        "app/py.typed",
        "workers/py.typed",
        "app/openapi/openapi.json",
        "app/samples/osmerrow.md",
        "app/evaluation/report/report.html.j2",
        "app/lift/elsewhere.jsonl",
        "migrations/env.py",
        "migrations/script.py.mako",
        "lift_server-0.1.0.dist-info/licenses/LICENSE",
    ],
)
def test_wheel_holds_data_beside_the_code(path: str, wheel_files: dict[str, bytes]) -> None:
    """One file of each kind that is no Python code, by name."""
    assert path in wheel_files


def test_sdist_holds_what_it_is_built_and_tested_from(built: Path) -> None:
    """What git knows under the named paths, the project's own files, and nothing else."""
    included = [path.removeprefix("/") for path in _TARGETS["sdist"]["include"]]
    expected = {
        path
        for path in known_files()
        if any(path == each or path.startswith(f"{each}/") for each in included)
    }
    [path] = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert names == expected | _OF_THE_SDIST | {"PKG-INFO"}


def test_every_known_file_is_published_or_named_here() -> None:
    """A new file at the top is a decision: it goes into the sdist, or stays out on purpose."""
    included = {path.removeprefix("/") for path in _TARGETS["sdist"]["include"]}
    tops = {path.partition("/")[0] for path in known_files()} - {".venv"}

    assert tops - included - _OF_THE_SDIST == set()


def test_metadata_says_what_holds(wheel_files: dict[str, bytes]) -> None:
    """Licence, Python and command are what pyproject.toml says; no address is invented."""
    info = "lift_server-0.1.0.dist-info"
    metadata = HeaderParser().parsestr(wheel_files[f"{info}/METADATA"].decode())

    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_all("Project-URL") is None
    assert b"lift = app.cli.main:app" in wheel_files[f"{info}/entry_points.txt"]
