"""Pairs for finding a paragraph by its summary: LongBench's PassageRetrieval as auxiliary task.

The document is a row of numbered paragraphs (`Paragraph 1: …`). The model summarises one, and the
pair asks which paragraph the summary is of; the answer is its number (paper, section 4.3).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from random import Random

from app.lift.base_model import BaseModel
from app.lift.changes import Span, overlaps
from app.lift.config import MethodConfig
from app.lift.earlier import Earlier
from app.lift.errors import DocumentError
from app.lift.generation import generate
from app.lift.observer import QAPair, Tries
from app.lift.prompts import WHICH_PARAGRAPH, summary_prompt

_HEADING = re.compile(r"^Paragraph (\d+):", re.MULTILINE)
_BATCH_ROWS = 8
_SUMMARY_TOKENS = 64
_SHOWN_CHARACTERS = 6_000


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One numbered paragraph, without its heading."""

    name: str
    """As the answer gives it: `Paragraph 7`."""
    text: str
    start: int
    """Offset of `text` in the document, in characters."""


def index_pairs(
    base: BaseModel,
    text: str,
    spans: Sequence[Span],
    method: MethodConfig,
    num_pairs: int,
    earlier: Earlier,
) -> Iterator[Tries]:
    """Write `num_pairs` pairs over the paragraphs in random order; yields them by the batch.

    Only paragraphs with something of these spans. One that comes round again is summarised
    by another half of it. What `earlier` tried is passed over.

    Raises:
        DocumentError: the document has no numbered paragraphs.
    """
    paragraphs = numbered_paragraphs(text)
    if not paragraphs:
        raise DocumentError(
            "auxiliary_task passage-index needs a document of paragraphs that begin with "
            "'Paragraph 1:', 'Paragraph 2:' and so on: none begins so"
        )
    asked_about = [
        each for each in paragraphs if overlaps(each.start, each.start + len(each.text), spans)
    ]
    order = Random(method.seed).sample(asked_about, len(asked_about))
    asked = islice(parts_in_turn(order) if order else (), earlier.num_tried, num_pairs)
    while batch := list(islice(asked, _BATCH_ROWS)):
        yield Tries(list(_summarise(base, batch)), len(batch))


def numbered_paragraphs(text: str) -> list[Paragraph]:
    """Return the paragraphs of a text that begin with `Paragraph N:`, without the empty ones."""
    headings = list(_HEADING.finditer(text))
    ends = [*(heading.start() for heading in headings), len(text)][1:]
    bodies = [text[heading.end() : end] for heading, end in zip(headings, ends, strict=False)]
    return [
        Paragraph(f"Paragraph {heading[1]}", body.strip(), heading.end() + body.find(body.strip()))
        for heading, body in zip(headings, bodies, strict=True)
        if body.strip()
    ]


def parts_in_turn(paragraphs: list[Paragraph]) -> Iterator[Paragraph]:
    """Yield every paragraph whole, then every first half, then every second half, and so on."""
    for part in cycle(("whole", "first", "second")):
        for paragraph in paragraphs:
            yield paragraph if part == "whole" else _half(paragraph, part)


def _half(paragraph: Paragraph, part: str) -> Paragraph:
    words = paragraph.text
    middle = words.find(" ", len(words) // 2)
    if middle < 0:
        return paragraph
    if part == "first":
        return Paragraph(paragraph.name, words[:middle], paragraph.start)
    return Paragraph(paragraph.name, words[middle + 1 :], paragraph.start + middle + 1)


def _summarise(base: BaseModel, paragraphs: list[Paragraph]) -> Iterator[QAPair]:
    prompts = [summary_prompt(base, each.text[:_SHOWN_CHARACTERS]) for each in paragraphs]
    for paragraph, ids in zip(paragraphs, generate(base, prompts, _SUMMARY_TOKENS), strict=True):
        said = base.tokenizer.decode(ids, skip_special_tokens=True)
        summary = " ".join(said.replace("\0", " ").split())  # no database keeps a NUL as text
        question = WHICH_PARAGRAPH.format(summary=summary)
        yield QAPair(question, paragraph.name, paragraph.text, paragraph.start)
