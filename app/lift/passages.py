"""A text cut into passages, which end where sentences end, and rather where paragraphs do.

Knows text only: whoever cuts says how long a piece is, in tokens or in characters.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from app.lift.sentences import split_sentences

PASSAGE_CHARACTERS = (480, 800)
"""Least and most of a passage that is searched for: about 120 and 200 tokens of English."""

Measure = Callable[[str], int]
"""Says how long a piece of text is."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a document; all of them together are the document."""

    text: str
    start: int
    """Offset in the document's text, in characters."""

    @property
    def end(self) -> int:
        """Offset behind the last character."""
        return self.start + len(self.text)


def cut_passages(text: str, length: Measure, least: int, most: int) -> Iterator[Passage]:
    """Yield the passages of a text in order, none longer than `most`.

    One that is `least` long ends with its paragraph.
    """
    start, end, taken = 0, 0, 0
    for piece in _pieces(text, length, most):
        more = length(piece)
        begins_paragraph = "\n" in piece[: len(piece) - len(piece.lstrip())]
        if end > start and (taken + more > most or (begins_paragraph and taken >= least)):
            yield Passage(text[start:end], start)
            start, taken = end, 0
        end += len(piece)
        taken += more
    if end > start:
        yield Passage(text[start:end], start)


def _pieces(text: str, length: Measure, most: int) -> Iterator[str]:
    """Yield the sentences, each with the white space before it, and overlong ones in parts."""
    ends = [sentence.end for sentence in split_sentences(text)][:-1]
    for start, end in zip([0, *ends], [*ends, len(text)], strict=True):
        if start < end:
            yield from _parts(text[start:end], length, most)


def _parts(piece: str, length: Measure, most: int) -> Iterator[str]:
    if len(piece) == 1 or length(piece) <= most:
        yield piece
        return
    middle = len(piece) // 2
    space = piece.rfind(" ", 1, middle)
    cut = space if space > 0 else middle
    yield from _parts(piece[:cut], length, most)
    yield from _parts(piece[cut:], length, most)
