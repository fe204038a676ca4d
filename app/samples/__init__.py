"""Documents invented for this project, with questions that only they can answer.

Knows its own files only. The answers are phrases of the document, so that their likelihood can be
scored; most of them stand where a truncated context does not show them.
"""

import json
from dataclasses import dataclass
from importlib.resources import files

SAMPLE_NAMES = ("osmerrow", "kitepost")
"""The demo's document of about 3,250 tokens, and a second one of about 1,250."""


@dataclass(frozen=True, slots=True)
class SampleQuestion:
    """A question, its answer in the document's words, and the verbatim quote that proves it."""

    question: str
    answer: str
    where: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One invented document with its questions."""

    title: str
    text: str
    questions: list[SampleQuestion]


def load_sample(name: str) -> Sample:
    """Read one of `SAMPLE_NAMES`; raises `ValueError` for any other name."""
    if name not in SAMPLE_NAMES:
        raise ValueError(f"no sample is named {name!r}; there are {', '.join(SAMPLE_NAMES)}")
    folder = files(__name__)
    text = (folder / f"{name}.md").read_text(encoding="utf-8")
    rows = json.loads((folder / f"{name}.questions.json").read_text(encoding="utf-8"))
    title = text.partition("\n")[0].removeprefix("# ")
    return Sample(title, text, [SampleQuestion(**row) for row in rows])
