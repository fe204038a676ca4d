"""Several documents as one answer is composed from them. Values only, as in `answerer`."""

from dataclasses import dataclass

from app.lift.passages import Passage


@dataclass(frozen=True, slots=True)
class Source:
    """One of several documents that an answer is composed from."""

    title: str
    passages: tuple[Passage, ...]
    """The best first: as many are shown as fit beside those of the others."""
    answer: str
    """What it answered alone."""


@dataclass(frozen=True, slots=True)
class Composed:
    """What a composed answer was shown of its sources."""

    num_passages: tuple[int, ...]
    """Of each source, from its best on; the end of the last one may have been cut off."""
    num_cut_answers: int
    """Sources' answers that the window had no room for whole."""
