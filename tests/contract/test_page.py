"""The page's committed assets are what its sources build to; its pure parts do what they say."""

import shutil
from pathlib import Path

import pytest

from app.web.serving import FOLDER as ASSETS
from tests.contract.conftest import ROOT, run

SOURCE = ROOT / "app" / "web" / "source"


@pytest.fixture(scope="module")
def tools() -> Path:
    """The folder of the page's tools, with the client generated as it is now."""
    folder = SOURCE / "node_modules" / ".bin"
    if shutil.which("node") is None or not folder.exists():
        pytest.skip("needs node 20 and npm, with which `make contract` installs what it needs")
    run(folder / "openapi-ts", cwd=SOURCE)
    return folder


def test_committed_assets_are_what_the_sources_build_to(tools: Path, tmp_path: Path) -> None:
    """Whoever changes a source or the interface runs `make web` and commits what comes of it."""
    run(tools / "tsc", "--noEmit", cwd=SOURCE)
    run(tools / "vite", "build", "--outDir", tmp_path / "made", "--emptyOutDir", cwd=SOURCE)

    assert contents(tmp_path / "made") == contents(ASSETS)


def test_pure_parts_of_the_page_do_what_they_say(tools: Path) -> None:
    """Figures, places in texts, excerpts, addresses, code to copy; the list, turns, refusals."""
    run(tools / "vitest", "run", cwd=SOURCE)


def contents(folder: Path) -> dict[str, bytes]:
    """Return what the files of a folder hold, by their names."""
    return {file.name: file.read_bytes() for file in folder.iterdir()}
