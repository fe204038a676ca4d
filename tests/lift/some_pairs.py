"""Question/answer pairs without a model that can write them."""

from collections.abc import Iterator, Sequence

from app.lift.auxiliary import synthesise
from app.lift.base_model import BaseModel
from app.lift.changes import Span
from app.lift.config import MethodConfig, QuestionStyle
from app.lift.earlier import Earlier
from app.lift.observer import Observer, QAPair
from app.lift.pair_writing import Draft

LONG_TEXT = " ".join(
    f"The {thing} of the old tower was painted {colour} by the ferryman."
    for thing in ("door", "bell", "stair", "lamp", "wall", "roof")
    for colour in ("red", "blue", "black", "white", "green")
)
"""Thirty sentences fit to be evidence."""


def some_pairs(_: BaseModel, drafts: Sequence[Draft], style: QuestionStyle) -> Iterator[QAPair]:
    """Write a pair for none or some of the drafts; its words tell which ones share the batch.

    A random model writes no usable pair.
    """
    starts = [draft.evidence.start for draft in drafts]
    for draft in drafts[sum(starts) % 3 :: 3]:
        yield QAPair(f"Which of {starts}?", "The", draft.evidence.text, draft.evidence.start)


def write_all(
    base: BaseModel,
    text: str,
    method: MethodConfig,
    observer: Observer,
    earlier: Earlier | None = None,
) -> list[QAPair]:
    """Have pairs written about the whole of a text."""
    spans = [Span(0, len(text))]
    return synthesise(base, text, spans, len(text), method, observer, earlier or Earlier())
