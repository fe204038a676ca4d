"""`python -m tests.supply.licences [FOLDER …]`: may what the server needs be used and passed on?

Reads the metadata of what is installed in this environment, or in the folders that are named. The
status is 1 if a licence is not allowed, unknown, or cannot be looked at.
"""

import sys
from dataclasses import dataclass
from importlib.metadata import Distribution

from license_expression import LicenseExpression, Licensing
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.utils import canonicalize_name
from rich.console import Console

from tests.supply.closure import closure, extras, installed, run_time
from tests.supply.licence_policy import (
    ALLOWED,
    CLASSIFIERS,
    CUDA,
    CUDA_REASON,
    EXEMPT,
    NAMES,
    READ,
)

_OSI = "License :: OSI Approved :: "
_BSD = "BSD License"
_UNKNOWN = "LicenseRef-not-known-to-us"
_licensing = Licensing()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of one package."""

    name: str
    licence: str
    is_allowed: bool
    reason: str = ""


def main(folders: list[str]) -> int:
    """Print what was found, group by group; return the exit status."""
    console = Console(soft_wrap=True, highlight=False)
    refused = []
    for group, verdicts in judge_all(*folders).items():
        console.print(f"[bold]{group}[/]: {len(verdicts)} packages, {_counts(verdicts)}")
        for each in verdicts:
            if each.reason:
                console.print(f"  {each.name}: {each.licence}. {each.reason}", markup=False)
        refused += [each for each in verdicts if not each.is_allowed]
    console.print(f"licences: {len(refused)} not allowed, or not looked at")
    return 1 if refused else 0


def judge_all(*folders: str) -> dict[str, list[Verdict]]:
    """Judge what the server needs, and for each extra what it adds to that."""
    find = installed(*folders)
    server = closure(run_time(), find)
    groups = {"server": server} | {
        f"extra {name}": {
            key: found for key, found in closure(roots, find).items() if key not in server
        }
        for name, roots in extras().items()
    }
    return {
        group: [judge(name, found) for name, found in sorted(packages.items())]
        for group, packages in groups.items()
    }


def judge(name: str, distribution: Distribution | None) -> Verdict:
    """Say whether one package may stay, and why if that is not plain."""
    if distribution is None:
        return Verdict(name, "unknown", False, "Not installed here, so nobody looked.")
    licence = licence_of(distribution)
    if name.startswith(CUDA):
        return Verdict(name, licence or "unknown", True, CUDA_REASON)
    exempt = EXEMPT.get(name)
    if exempt and exempt.licence == licence:
        return Verdict(name, licence, True, exempt.reason)
    if licence and _allows(_licensing.parse(licence)):
        return Verdict(name, licence, True)
    return Verdict(name, licence or "unknown", False, "Not allowed: see tests/supply/README.md.")


def licence_of(distribution: Distribution) -> str:
    """Return an SPDX expression: what was read, else what is said, all of it; or nothing."""
    metadata = distribution.metadata
    name = canonicalize_name(distribution.name)
    if said := READ.get(name) or metadata.get("License-Expression"):
        return said
    classifiers = [
        each.removeprefix(_OSI)
        for each in metadata.get_all("Classifier") or []
        if each.startswith("License ::") and each != _OSI.removesuffix(" :: ")
    ]
    field = _from_field(metadata.get("License", ""))
    if field.startswith("BSD-") and _BSD in classifiers:
        classifiers.remove(_BSD)  # the field says which
    said_by = {field, *(CLASSIFIERS.get(each, _UNKNOWN) for each in classifiers)} - {""}
    said = " AND ".join(f"({each})" for each in sorted(said_by))
    return str(_licensing.parse(said)) if said else ""


def _from_field(text: str) -> str:
    try:
        return canonicalize_license_expression(NAMES.get(text, text))
    except InvalidLicenseExpression:
        return ""  # a title, a file's name or a whole text: then the classifiers have to say it


def _allows(expression: LicenseExpression) -> bool:
    if isinstance(expression, _licensing.OR):
        return any(map(_allows, expression.args))
    if isinstance(expression, _licensing.AND):
        return all(map(_allows, expression.args))
    return str(expression) in ALLOWED


def _counts(verdicts: list[Verdict]) -> str:
    found = [each.licence for each in verdicts]
    return ", ".join(f"{found.count(each)} {each}" for each in sorted({*found}, key=str.lower))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
