"""The locks hold what the server needs, in the versions that are tested, and nothing by chance."""

import re
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from tests.supply.closure import closure, installed, run_time
from tests.supply.locks import CONSTRAINTS, FOLDER, ROOT, TOOLS, image_locks, read_lock

_HASHED = [
    FOLDER / "packages.txt",
    FOLDER / "sources.txt",
    FOLDER / "build.txt",
    FOLDER / "torch-cuda.txt",
    TOOLS,
]
_CPU = FOLDER / "torch-cpu.txt"
_ALL = [*_HASHED, _CPU]


def _named(path: Path) -> str:
    return path.name


def test_every_lock_is_tested() -> None:
    """A further file in the folder of locks is a file for these tests, too."""
    assert {path for path in _ALL if path.parent == FOLDER} == set(FOLDER.iterdir())


@pytest.mark.parametrize("path", _HASHED, ids=_named)
def test_every_line_has_a_hash(path: Path) -> None:
    """No package comes in unchecked; the CPU build of PyTorch stands in a file of its own."""
    locked = read_lock(path)

    assert locked
    assert [name for name, each in locked.items() if not each.hashes] == []


@pytest.mark.parametrize("path", _ALL, ids=_named)
def test_locks_name_no_place(path: Path) -> None:
    """Where packages come from is for the installation to say: no address, no index, no path."""
    text = path.read_text(encoding="utf-8")

    assert "://" not in text
    assert " @ " not in text
    assert re.findall(r"^\s*-(?!-hash=)\S+", text, re.MULTILINE) == []


@pytest.mark.parametrize("path", _ALL, ids=_named)
def test_locks_and_constraints_agree(path: Path) -> None:
    """What is installed is what is tested: one version of each package in all files."""
    constraints = read_lock(CONSTRAINTS)
    shared = {name: each for name, each in read_lock(path).items() if name in constraints}

    assert shared
    assert {name: each.version for name, each in shared.items()} == {
        name: constraints[name].version for name in shared
    }


def test_what_the_image_holds_is_pinned_for_the_tests() -> None:
    """Each package of the image is in the constraints, unless only another platform needs it."""
    constraints = read_lock(CONSTRAINTS)
    unpinned = {name for name, each in image_locks().items() if each.is_for_here()} - {*constraints}

    assert unpinned == set()


def test_locks_hold_every_dependency() -> None:
    """Each requirement of pyproject.toml is locked, in a version that it allows."""
    locked = image_locks()
    wanted = {canonicalize_name(each.name): each.specifier for each in run_time()}

    assert {*wanted} - {*locked} == set(), "run `make lock`"
    assert [name for name in wanted if not wanted[name].contains(locked[name].version)] == []


def test_locks_hold_what_the_dependencies_need() -> None:
    """All that the server's packages ask for here is locked: it is installed without resolving."""
    needed = closure(run_time(), installed())
    locked = {*image_locks(), *read_lock(FOLDER / "torch-cuda.txt")}

    assert {*needed} - locked == set()


def test_only_one_lock_brings_cuda() -> None:
    """The image for CPUs holds neither PyTorch twice nor any of NVIDIA's libraries."""
    packages = read_lock(FOLDER / "packages.txt")
    cuda = read_lock(FOLDER / "torch-cuda.txt")
    gpu = re.compile(r"torch$|triton$|nvidia-|cuda-")

    assert [name for name in packages if gpu.match(name)] == [], "for .ci/supply/excluded.txt"
    assert {"torch", "bitsandbytes"} <= {*cuda}
    assert cuda["torch"].version == read_lock(_CPU)["torch"].version


def test_image_installs_from_locks_alone() -> None:
    """Each pip command of the Dockerfile checks hashes, but PyTorch's for CPUs and our wheels'."""
    dockerfile = (ROOT / "docker/Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    commands = re.findall(r"pip (?:--python \S+ )?(?:install|wheel) ([^&\n]+)", dockerfile)
    unchecked = [each.split()[-1] for each in commands if "--require-hashes" not in each]

    assert len(commands) > len(unchecked)
    assert [each for each in commands if "--no-deps" not in each] == []
    assert unchecked == ["/build/torch-cpu.txt", ".", "/wheels/*.whl"]
