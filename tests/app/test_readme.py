"""The README keeps up with the code."""

import re
from pathlib import Path

import pytest

from app.lift.presets import PRESETS
from app.settings import Settings
from tests.tiny import FAMILIES, tiny_model

ROOT = Path(__file__).parents[2]
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "docker/README.md",
    "workers/README.md",
    "app/routes/README.md",
    "app/ingest/README.md",
    "app/engine/README.md",
    "app/lift/README.md",
    "app/openapi/README.md",
    "app/openai/README.md",
    "app/metrics/README.md",
    "app/remote_tuning/README.md",
    "tests/supply/README.md",
    "app/web/README.md",
]
README = (ROOT / "README.md").read_text()


def test_readme_names_every_setting_and_no_other() -> None:
    """The table of settings is the settings class."""
    table = README.split("## Settings")[1].split("\n## ")[0]

    assert {f"LIFT_{name.upper()}" for name in Settings.model_fields} == set(
        re.findall(r"LIFT_[A-Z0-9_]+", table)
    )


def test_readme_names_every_family_that_is_tested_and_no_other() -> None:
    """The table of base models is the list that the tests run through, class by class."""
    table = README.split("## Base models")[1].split("\n## ")[0]
    models = [tiny_model(family) for family in FAMILIES]

    assert dict(re.findall(r"^\| `(\w+)` \| `(\w+)` \|", table, re.MULTILINE)) == {
        model.config.model_type: type(model).__name__ for model in models
    }


def test_readme_names_every_preset() -> None:
    """Each preset stands in the table, and nothing else does."""
    table = README.split("| preset | for |")[1].split("\n\n")[0]
    named = {
        name
        for line in table.splitlines()
        for name in re.findall(r"`(.+?)`", line[: line.find(" | ", 2)])
    }

    assert named == set(PRESETS)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page: str) -> None:
    """Every relative link has its file."""
    folder = (ROOT / page).parent
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text())

    assert [link for link in links if not (folder / link).exists()] == []


@pytest.mark.parametrize("target", re.findall(r"^make (\w+)", README, re.MULTILINE))
def test_every_make_target_in_the_readme_exists(target: str) -> None:
    """What the README tells one to type is in the Makefile."""
    assert f"\n{target}:" in (ROOT / "Makefile").read_text()
