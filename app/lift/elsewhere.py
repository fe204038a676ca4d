"""Short texts that have nothing to do with any document: everyday English, in many kinds.

A memory can be trained to stay shut on them. Knows its own file only. The passages were written for
this project: invented, or general knowledge in our words. A third of the questions cannot be
answered from their passage, but by anyone.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

_FILE = "elsewhere.jsonl"


@dataclass(frozen=True, slots=True)
class Passage:
    """One short text of a kind, with questions asked beside it."""

    kind: str
    """Sort of text: `encyclopaedia`, `science`, `story`, `meeting`, `contract`, …"""
    text: str
    questions: tuple[tuple[str, str], ...]
    """Questions with their answers: most in the passage's words, the rest common knowledge."""


@cache
def load_passages() -> tuple[Passage, ...]:
    """Return all passages, in the file's order: passages of one kind stand together."""
    lines = files("app.lift").joinpath(_FILE).read_text(encoding="utf-8").splitlines()
    return tuple(_passage(json.loads(line)) for line in lines)


def _passage(row: Any) -> Passage:
    questions = tuple((question, answer) for question, answer in row["questions"])
    return Passage(row["kind"], row["text"], questions)
