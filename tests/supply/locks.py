"""The files in docker/locks, as the tests and the audit read them."""

import re
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docker/locks"
CONSTRAINTS = ROOT / ".ci/constraints.txt"
TOOLS = ROOT / ".ci/supply/tools.txt"
_HASH = re.compile(r"\s--hash=sha256:([0-9a-f]{64})(?=\s|$)")


@dataclass(frozen=True, slots=True)
class Locked:
    """One line of a lock file."""

    requirement: Requirement
    hashes: frozenset[str]

    @property
    def name(self) -> str:
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        [pin] = self.requirement.specifier
        assert pin.operator == "==", self.requirement
        return pin.version

    def is_for_here(self) -> bool:
        """Tell whether this platform and this Python need it."""
        marker = self.requirement.marker
        return marker is None or marker.evaluate()


def read_lock(path: Path) -> dict[str, Locked]:
    """Return the lines of a lock or constraints file, by canonical name."""
    joined = path.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in joined.splitlines())
    locked = [_read_line(line) for line in lines if line]
    assert len({each.name for each in locked}) == len(locked), f"{path} names a package twice"
    return {each.name: each for each in locked}


def _read_line(line: str) -> Locked:
    return Locked(Requirement(_HASH.sub("", line)), frozenset(_HASH.findall(line)))


def image_locks() -> dict[str, Locked]:
    """Return all that the image for CPUs is made of, but for our own wheel."""
    names = ("torch-cpu.txt", "packages.txt", "sources.txt")
    return {name: each for file in names for name, each in read_lock(FOLDER / file).items()}
