"""What the server needs may be used and passed on, and the check would notice if it might not."""

import re
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

from tests.supply.closure import closure, extras, installed, run_time
from tests.supply.licence_policy import EXEMPT, READ
from tests.supply.licences import judge, judge_all, licence_of
from tests.supply.locks import ROOT

_OSI = "Classifier: License :: OSI Approved :: "


def package(folder: Path, *lines: str, name: str = "some-package") -> PathDistribution:
    """Make an installed package whose metadata has these lines."""
    info = folder / "some_package-1.0.dist-info"
    info.mkdir()
    header = ["Metadata-Version: 2.4", f"Name: {name}", "Version: 1.0"]
    (info / "METADATA").write_text("\n".join([*header, *lines, ""]), encoding="utf-8")
    return PathDistribution(info)


def test_server_needs_nothing_that_may_not_be_passed_on() -> None:
    """Each package that the server needs is here, and its licence is allowed or exempt."""
    assert [each for each in judge_all()["server"] if not each.is_allowed] == []


@pytest.mark.parametrize("extra", extras())
def test_extras_need_nothing_that_may_not_be_passed_on(extra: str) -> None:
    """The same for what an extra adds, as far as it is installed; `make supply` installs it all."""
    refused = [each for each in judge_all()[f"extra {extra}"] if not each.is_allowed]

    assert [each for each in refused if installed()(each.name)] == []


def test_make_supply_looks_at_every_extra() -> None:
    """A further extra is installed there, too."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    [names] = re.findall(r"^EXTRA_NAMES := (\S+)$", makefile, re.MULTILINE)

    assert {*names.split(",")} == {*extras()}


def test_closure_reaches_what_nobody_named() -> None:
    """What the packages need is looked at, with their extras; what a developer needs is not."""
    needed = closure(run_time(), installed())

    assert {"psycopg-binary", "tokenizers", "sympy", "kombu"} <= {*needed}
    assert {"pytest", "hypothesis", "llm", "onnxruntime"}.isdisjoint(needed)


@pytest.mark.parametrize(
    "lines",
    [
        ["License-Expression: MIT"],
        ["License-Expression: MIT OR GPL-3.0-only"],
        ["License-Expression: (MIT OR GPL-3.0-only) AND Zlib"],
        ["License: BSD-3-Clause", _OSI + "BSD License"],
        ["License: a whole text\n        of a licence", _OSI + "MIT License"],
        ["License: Dual License", _OSI + "BSD License", _OSI + "Apache Software License"],
    ],
)
def test_licence_that_is_allowed_is_read(tmp_path: Path, lines: list[str]) -> None:
    """An expression, an older field or classifiers: each may say it."""
    assert judge("some-package", package(tmp_path, *lines)).is_allowed


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["License: see the file"],
        ["License-Expression: AGPL-3.0-only"],
        ["License-Expression: LGPL-3.0-only"],
        ["License-Expression: MIT AND GPL-2.0-or-later"],
        ["License-Expression: (MIT OR GPL-3.0-only) AND AGPL-3.0-only"],
        ["License: MIT", _OSI + "GNU Affero General Public License v3"],
        ["License: MIT", "Classifier: License :: Other/Proprietary License"],
        ["License: GPL-3.0-only", _OSI + "MIT License"],
        [_OSI + "GNU General Public License v3 (GPLv3)"],
    ],
)
def test_licence_that_is_not_allowed_is_refused(tmp_path: Path, lines: list[str]) -> None:
    """What is said anywhere counts, and what is not said is not allowed."""
    assert not judge("some-package", package(tmp_path, *lines)).is_allowed


def test_package_that_is_not_installed_is_not_taken_for_good() -> None:
    """Nobody looked, and the verdict says so."""
    verdict = judge("some-package", None)

    assert not verdict.is_allowed
    assert "Not installed" in verdict.reason


def test_cuda_is_told_and_not_judged(tmp_path: Path) -> None:
    """Where PyTorch brings NVIDIA's libraries, that they are closed is said and fails nothing."""
    closed = package(tmp_path, "License-Expression: LicenseRef-NVIDIA-Proprietary")

    verdict = judge("nvidia-cufile", closed)

    assert verdict.is_allowed
    assert "NVIDIA's own terms" in verdict.reason
    assert not judge("some-package", closed).is_allowed


def test_exemption_holds_for_one_licence_only(tmp_path: Path) -> None:
    """A package that is exempt as LGPL is not when it becomes GPL."""
    changed = package(tmp_path, "License-Expression: GPL-3.0-only", name="psycopg")

    assert not judge("psycopg", changed).is_allowed


@pytest.mark.parametrize("name", EXEMPT)
def test_every_exemption_is_needed(name: str) -> None:
    """It speaks of a package that the server has, with the licence that it still has."""
    found = closure(run_time(), installed())[name]

    assert found is not None
    assert licence_of(found) == EXEMPT[name].licence


@pytest.mark.parametrize("name", READ)
def test_what_was_read_is_still_not_said(name: str) -> None:
    """Metadata that names a licence is believed instead of us."""
    found = closure(run_time(), installed())[name]

    assert found is not None
    assert found.metadata.get("License-Expression") is None
