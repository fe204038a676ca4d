"""How probably does a question concern a document at all? By its words, and by how rare they are.

A question about a passage finds most of its words there. Any other finds words by chance alone:
everyday ones often, a name hardly ever. A document's odds are those of its best passage, against
there being so many of them (naive Bayes). A memory also teaches its manner of answering; asked
about something else, it would lend that to answers it knows nothing of. So methods with a
`least_relatedness` read it for related questions only. Trains nothing, reads no model.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Self

from app.lift.passages import PASSAGE_CHARACTERS, cut_passages
from app.lift.rarity import frequency_in, spaced
from app.lift.stemming import stems, stems_of_words

_FOUND = 0.8
"""Share of a question's words that the passage holds which it is about. Measured: 0.79."""
_PASSAGE_WORDS = 110
"""Words of a passage. Measured: 110."""
_ABOUT_TEXTS = (
    "about according article author describe description discuss discussion document explain "
    "explanation happen happened main mention mentioned opinion overview paper passage said say "
    "story study summarise summarize summary tell text think told whole"
)
"""Words that speak of a text, not of what stands in it: any document may be asked with them."""
_ASKING = (
    "am any been can could did do does done had has have he her him his how i many may me might "
    "much my one our shall she should some them us we what when where which who whom whose "
    "why would you your"
)
"""Words of asking, beside those that count nowhere."""


class Relevance:
    """The words of one document, by its passages. Safe to share between threads."""

    def __init__(self, passages: Sequence[str], stemmed: Iterable[Iterable[str]]) -> None:
        """Know a document by its passages and the stems (`stemming.stems`) of their words."""
        places = defaultdict[str, set[int]](set)
        for place, words in enumerate(stemmed):
            for word in words:
                for part in spaced(word):
                    places[part].add(place)
        self._places: Mapping[str, set[int]] = dict(places)
        self._num_passages = max(1, len(passages))
        self._frequency = frequency_in("".join(passages))

    @classmethod
    def of(cls, text: str) -> Self:
        """Know a document by its text."""
        passages = [passage.text for passage in cut_passages(text, len, *PASSAGE_CHARACTERS)]
        return cls(passages, stems(passages))

    def probability(self, question: str) -> float:
        """Return how probably a question is about the document, at even odds before it is read.

        1 for a question without any word of content, such as `Why?`.
        """
        chances = {
            part: self._chance(said)
            for stem, word in stems_of_words(question).items()
            if stem not in _empty()
            for part, said in zip(spaced(stem), spaced(word), strict=False)
        }
        return _logistic(self._log_odds(chances)) if chances else 1.0

    def _chance(self, word: str) -> float:
        """Return how probably a passage about anything holds a word, `_FOUND` at most."""
        return min(-math.expm1(-_PASSAGE_WORDS * self._frequency(word)), _FOUND)

    def _log_odds(self, chances: Mapping[str, float]) -> float:
        none_found = 0.0
        gains = defaultdict[int, float](float)
        for part, chance in chances.items():
            found, missed = math.log(_FOUND / chance), math.log((1 - _FOUND) / (1 - chance))
            none_found += missed
            for place in self._places.get(part, ()):
                gains[place] += found - missed
        return none_found + max(gains.values(), default=0.0) - math.log(self._num_passages)


@cache
def _empty() -> frozenset[str]:
    return frozenset(stems_of_words(f"{_ABOUT_TEXTS} {_ASKING}"))


def _logistic(log_odds: float) -> float:
    return (1 + math.tanh(log_odds / 2)) / 2  # which no odds are too long for
