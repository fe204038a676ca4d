"""What a text says that an earlier text of the same document did not, and what is learnt again.

A sentence is new if the earlier text does not hold its words anywhere: one that moved, or stands
in other lines, is not. Knows texts only.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from random import Random
from typing import NamedTuple

from app.lift.sentences import Sentence, split_sentences

_REHEARSED_SENTENCES = 4


class Span(NamedTuple):
    """A stretch of a text, in characters."""

    start: int
    end: int
    """Behind the last character."""


def is_within(place: int, spans: Iterable[Span]) -> bool:
    """Tell whether a place of the text lies in one of these stretches."""
    return any(span.start <= place < span.end for span in spans)


def share_new(former: str, text: str) -> float:
    """Return how much of `text` is new beside `former`, by characters: 0 nothing, 1 all."""
    new = sum(span.end - span.start for span, is_new in _stretches(former, text) if is_new)
    return new / max(1, len(text.strip()))


def spans_to_study(former: str, text: str, least_characters: int, random: Random) -> list[Span]:
    """Return all that is new in `text`, and of the rest so much that it comes to that length.

    The rest is drawn in pieces of a few sentences; the whole text if it is shorter than that.
    The spans are in the text's order and do not overlap.
    """
    stretches = list(_stretches(former, text))
    chosen = [span for span, is_new in stretches if is_new]
    rest = [piece for span, is_new in stretches if not is_new for piece in _pieces(text, span)]
    length = sum(span.end - span.start for span in chosen)
    for piece in random.sample(rest, len(rest)):
        if length >= least_characters:
            break
        chosen.append(piece)
        length += piece.end - piece.start
    return sorted(chosen)


def _stretches(former: str, text: str) -> Iterator[tuple[Span, bool]]:
    """Yield the text as stretches that are new or not, in turn."""
    known = {sentence.line for sentence in split_sentences(former)}
    for is_new, run in groupby(split_sentences(text), lambda each: each.line not in known):
        yield _span(list(run)), is_new


def _pieces(text: str, span: Span) -> Iterator[Span]:
    sentences = list(split_sentences(text[span.start : span.end]))
    for first in range(0, len(sentences), _REHEARSED_SENTENCES):
        piece = _span(sentences[first : first + _REHEARSED_SENTENCES])
        yield Span(span.start + piece.start, span.start + piece.end)


def _span(sentences: Sequence[Sentence]) -> Span:
    return Span(sentences[0].start, sentences[-1].end)
