"""Where the generators are, and a real server for the clients that they make."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import serving, tiny_settings

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".ci" / "contract"
NODE_TOOLS = FOLDER / "node_modules" / ".bin"
PYTHON_TOOLS = ROOT / ".venv" / "generators" / "bin"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of this takes minutes."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("contract")


@pytest.fixture(scope="session")
def node_tools() -> Path:
    """The folder of the tools that run on node."""
    if shutil.which("node") is None or not NODE_TOOLS.exists():
        pytest.skip("needs node 20 and npm, with which `make contract` installs what it needs")
    return NODE_TOOLS


@pytest.fixture(scope="session")
def python_tools() -> Path:
    """The folder of the generators that come from PyPI."""
    if not PYTHON_TOOLS.exists():
        pytest.skip("needs the generators that `make contract` installs")
    return PYTHON_TOOLS


@pytest.fixture(scope="session")
def java() -> None:
    """Nothing, where there is Java."""
    if shutil.which("java") is None:
        pytest.skip("needs Java 11 or newer")


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A whole `lift serve` with a worker, and a tiny model that says nonsense."""
    folder = tmp_path_factory.mktemp("served")
    with serving(folder / "data", **tiny_settings(folder / "model")) as served:
        yield served.url()


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run a tool to its end, show what it said if it failed, and return what it said."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
