"""A text's sentences, with their places. Knows text only."""

from collections.abc import Iterator
from dataclasses import dataclass

import sentencex

_MIN_WORDS = 6
MOST_CHARACTERS = 600
"""More is a table, code, or a list without full stops."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of the document, without the white space around it."""

    text: str
    start: int
    """Offset in the document's text, in characters."""

    @property
    def end(self) -> int:
        """Offset behind the last character."""
        return self.start + len(self.text)

    @property
    def line(self) -> str:
        """The words with single spaces, whatever the lines were broken into."""
        return " ".join(self.text.split())


def split_sentences(text: str) -> Iterator[Sentence]:
    """Yield the sentences of a text in order, with their places; rules of English."""
    boundaries = sentencex.get_sentence_boundaries("en", text)  # type: ignore[attr-defined]
    for boundary in boundaries:
        piece = text[boundary["start_index"] : boundary["end_index"]]
        stripped = piece.strip()
        if stripped:
            yield Sentence(stripped, boundary["start_index"] + piece.index(stripped))


def is_full(sentence: Sentence) -> bool:
    """Tell whether a sentence says enough to be asked about or completed."""
    return (
        len(sentence.text.split()) >= _MIN_WORDS
        and len(sentence.text) <= MOST_CHARACTERS
        and sentence.text[-1] in ".!?"
    )
