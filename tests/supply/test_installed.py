"""Wheel and sdist, each installed beside the locked packages and nothing else, serve documents.

Far from the repository and with an empty home: what the code reads has to be in the package.
"""

import io
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from app.client import Client
from tests.serving import TINY_OPTIONS, Served, tiny_settings
from tests.supply.locks import FOLDER, ROOT, image_locks

pytestmark = pytest.mark.supply

_TEXT = "The lamp of Osmerrow is lit at dusk by the keeper's youngest child. " * 8
_PIP = [ROOT / ".venv/supply/bin/python", "-m", "pip", "--disable-pip-version-check", "--quiet"]
_SBOM = ROOT / "build/sbom.json"
_IMPORT_ALL = """
import importlib, pkgutil
for name in ("app", "migrations", "workers"):
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, f"{name}."):
        if not module.name.startswith("migrations.env") and "__main__" not in module.name:
            print(importlib.import_module(module.name).__file__)
"""


@dataclass(frozen=True, slots=True)
class Installed:
    """One installation, and a place without anything else."""

    prefix: Path
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        return {"HOME": str(self.home), "PATH": "/usr/bin:/bin", "COLUMNS": "250"}

    def run(self, program: str, *arguments: str) -> str:
        """Run a program of the installation to its end; return what it prints."""
        done = subprocess.run(
            [self.prefix / "bin" / program, *arguments],
            cwd=self.home,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module", params=["*.whl", "*.tar.gz"], ids=["wheel", "sdist"])
def installed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Installed:
    """The package of one kind that `make supply` has built, in an environment of its own."""
    [package] = (ROOT / "dist").glob(request.param)
    [locked] = (ROOT / ".venv/image/lib").glob("python3*/site-packages")
    prefix = tmp_path_factory.mktemp("prefix")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", prefix], check=True)
    [own] = (prefix / "lib").glob("python3*/site-packages")
    (own / "locked.pth").write_text(f"{locked}\n")
    options = ["--no-deps", "--build-constraint", FOLDER / "build.txt"]
    command = [*_PIP, "--python", prefix / "bin/python", "install", *options, package]
    subprocess.run(command, check=True)
    return Installed(prefix, tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def served(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`lift serve` of the installation, on a tiny model and a port of its own choice.

    At the end it is asked to stop, and does.
    """
    folder = tmp_path_factory.mktemp("served")
    log_file = folder / "log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [installed.prefix / "bin/lift", "serve", "--port", "0"],
            cwd=installed.home,
            env=installed.environment | tiny_settings(folder / "tiny"),
            stdout=log,
            stderr=log,
        )
    served = Served(process, log_file, "")
    try:
        yield served
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, served.log
    finally:
        process.kill()
        process.wait()


def test_every_module_is_there_and_needs_no_more(installed: Installed) -> None:
    """Each module can be imported from the package with the server's own dependencies."""
    printed = installed.run("python", "-I", "-c", _IMPORT_ALL)
    files = [Path(line) for line in printed.splitlines()]

    assert len(files) > 200
    assert [path for path in files if not path.is_relative_to(installed.prefix)] == []


def test_document_is_lifted_and_asked(installed: Installed, served: Served) -> None:
    """Upload, training and answer, and everything lies in the home of who started it."""
    url = served.url()
    with Client(url) as client:
        file = io.BytesIO(_TEXT.encode())
        document_id = client.upload(file, "book.txt", preset="quick", options=TINY_OPTIONS)
        *_, last = client.follow(document_id, every_seconds=0.2)
        answer = client.ask(document_id, "Who lights the lamp?", max_tokens=4)
    listed = installed.run("lift", "status", "--url", url)

    assert last.status == "ready"
    assert answer.memory_share
    assert document_id in listed
    assert list(installed.home.rglob("lift.db"))


def test_what_is_read_from_the_package_is_there(served: Served) -> None:
    """Health, readiness and the committed interface; migrations ran before the first."""
    with httpx.Client(base_url=served.url()) as http:
        replies = {path: http.get(path) for path in ("/healthz", "/readyz", "/openapi.json")}

    assert {path: reply.status_code for path, reply in replies.items()} == dict.fromkeys(
        replies, 200
    )
    assert replies["/openapi.json"].json() == json.loads(
        (ROOT / "app/openapi/openapi.json").read_text(encoding="utf-8")
    )


def test_bill_of_materials_names_what_is_installed() -> None:
    """Each locked package in its version, and our own as the root of them all."""
    sbom = json.loads(_SBOM.read_text(encoding="utf-8"))
    named = {each["name"].lower().replace("_", "-"): each for each in sbom["components"]}
    locked = {name: each for name, each in image_locks().items() if each.is_for_here()}

    assert sbom["metadata"]["component"]["name"] == "lift-server"
    assert {name: each["version"].partition("+")[0] for name, each in named.items()} == {
        name: each.version for name, each in locked.items()
    }
    assert len(sbom["dependencies"]) == len(locked) + 1
