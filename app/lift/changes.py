"""What a text says that an earlier text of the same document did not, and what is learnt again.

A sentence is new if the earlier text does not hold its words anywhere: one that moved, or stands
in other lines, is not. Of what has no sentences, such as tables and code, a line is. Knows texts
only.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import groupby
from random import Random
from typing import NamedTuple

from app.lift.sentences import MOST_CHARACTERS, Sentence, split_sentences

_JOINED_CHARACTERS = 300  # what stands between two changes and is not longer is learnt with them
_REHEARSED_CHARACTERS = 1_500  # in one piece


class Span(NamedTuple):
    """A stretch of a text, in characters."""

    start: int
    end: int
    """Behind the last character."""


def length_of(spans: Sequence[Span]) -> int:
    """Return how many characters spans hold that do not overlap."""
    return sum(span.end - span.start for span in spans)


def overlaps(start: int, end: int, spans: Sequence[Span]) -> bool:
    """Tell whether a stretch has something in common with spans, which stand in order."""
    behind = bisect_right(spans, start, key=lambda span: span.end)
    return behind < len(spans) and spans[behind].start < end


def new_spans(former: str, text: str) -> list[Span]:
    """Return what is new in `text` beside `former`, in order, with what stands closely between."""
    known = {unit.line for unit in _units(former)}
    runs = groupby(_units(text), lambda unit: unit.line not in known)
    spans = [_span(list(run)) for is_new, run in runs if is_new]
    return _joined(spans, _JOINED_CHARACTERS)


def with_rehearsal(
    new: Sequence[Span], text: str, least_characters: int, random: Random
) -> list[Span]:
    """Return `new` and so much of the rest that it comes to that length about, in order.

    The rest is drawn in pieces of 1,500 characters; the whole text if it is shorter than that.
    """
    if len(text) <= least_characters:
        return [Span(0, len(text))]
    spans = list(new)
    for start in _places(len(text), random):
        missing = least_characters - length_of(spans)
        if missing <= 0:
            break
        piece = Span(start, min(len(text), start + min(missing, _REHEARSED_CHARACTERS)))
        spans = _joined(sorted([*spans, piece]), 0)
    return spans


def _units(text: str) -> Iterator[Sentence]:
    for sentence in split_sentences(text):
        if len(sentence.text) <= MOST_CHARACTERS:
            yield sentence
            continue
        start = sentence.start
        for line in sentence.text.splitlines(keepends=True):
            if stripped := line.strip():
                yield Sentence(stripped, start + line.index(stripped))
            start += len(line)


def _span(units: Sequence[Sentence]) -> Span:
    return Span(units[0].start, units[-1].end)


def _joined(spans: Sequence[Span], gap_characters: int) -> list[Span]:
    """Make one span of those that overlap or stand no further apart."""
    joined: list[Span] = []
    for span in spans:
        if joined and span.start - joined[-1].end <= gap_characters:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return joined


def _places(num_characters: int, random: Random) -> Iterator[int]:
    """Yield where pieces of a text begin, all of them, in random order."""
    starts = range(0, num_characters, _REHEARSED_CHARACTERS)
    yield from random.sample(starts, len(starts))
