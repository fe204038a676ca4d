"""How probably does a question concern a document at all? By its words, and by how rare they are.

A question about a passage finds most of its words there. Any other finds words by chance alone:
everyday ones often, a name hardly ever. A document's odds are the mean of its passages': the
question is about any of them, one as likely as another (naive Bayes). A memory also teaches its
manner of answering; asked about something else, it would lend that to answers it knows nothing of.
So methods with a `least_relatedness` read it for related questions only. Trains nothing, reads no
model.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Self

from app.lift.passages import PASSAGE_CHARACTERS, cut_passages
from app.lift.rarity import frequency_in
from app.lift.stemming import stem, stems, words_of

_FOUND = 0.8
"""Share of a question's words that the passage holds which it is about. Measured: 0.79."""
_PASSAGE_WORDS = 110
"""Words of a passage. Measured: 110."""
_ABOUT_TEXTS = (
    "about according article author describe description discuss discussion document explain "
    "explanation happen happened main mention mentioned more opinion overview paper passage said "
    "say story study summarise summarize summary tell text think told whole"
)
"""Words that speak of a text, not of what stands in it: any document may be asked with them."""
_KINDS_OF_TEXTS = frozenset("book chapter contract manual meeting report section".split())
"""Words that do so where they stand alone: `Summarise the meeting.`"""
_ASKING = (
    "am any been can could did do does done had has have he her him his how i many may me might "
    "much my one our shall she should some them us we were what when where which who whom whose "
    "why would you your ain aren couldn didn doesn don hadn hasn haven isn ll mustn re shouldn ve "
    "wasn weren wouldn"
)
"""Words of asking, beside those that count nowhere, and what is left of `doesn't` and its like."""


class Relevance:
    """The words of one document, by its passages. Safe to share between threads."""

    def __init__(self, passages: Sequence[str], words: Iterable[Iterable[str]]) -> None:
        """Know a document by its passages and their words (`stemming.words_of`)."""
        places, forms = defaultdict[str, set[int]](set), defaultdict[str, set[str]](set)
        for place, found in enumerate(words):
            for word in found:
                stemmed = stem(word)
                places[stemmed].add(place)
                forms[stemmed].add(word)
        self._places: Mapping[str, set[int]] = dict(places)
        self._forms: Mapping[str, set[str]] = dict(forms)
        self._num_passages = max(1, len(passages))
        self._frequency = frequency_in("".join(passages))

    @classmethod
    def of(cls, text: str) -> Self:
        """Know a document by its text."""
        passages = [passage.text for passage in cut_passages(text, len, *PASSAGE_CHARACTERS)]
        return cls(passages, words_of(passages))

    def probability(self, question: str) -> float:
        """Return how probably a question is about the document, at even odds before it is read.

        1 for a question without any word of content, such as `Why?`.
        """
        words = {word for word in words_of([question])[0] if stem(word) not in _empty()}
        if words <= _KINDS_OF_TEXTS:
            return 1.0
        asked = defaultdict[str, set[str]](set)
        for word in words:
            asked[stem(word)].add(word)
        chances = {stemmed: self._chance(stemmed, forms) for stemmed, forms in asked.items()}
        return _logistic(self._log_odds(chances))

    def _chance(self, stemmed: str, asked: set[str]) -> float:
        """Return how probably a passage about anything holds a stem, `_FOUND` at most.

        In any of the forms that the question or the document has.
        """
        forms = asked | self._forms.get(stemmed, set())
        return min(-math.expm1(-_PASSAGE_WORDS * sum(map(self._frequency, forms))), _FOUND)

    def _log_odds(self, chances: Mapping[str, float]) -> float:
        none_found = 0.0
        gains = defaultdict[int, float](float)
        for stemmed, chance in chances.items():
            found, missed = math.log(_FOUND / chance), math.log((1 - _FOUND) / (1 - chance))
            none_found += missed
            for place in self._places.get(stemmed, ()):
                gains[place] += found - missed
        return none_found + self._log_mean(gains.values())

    def _log_mean(self, gains: Collection[float]) -> float:
        """Return what the odds gain in the mean of all passages, as a logarithm as the gains are.

        Passages without any of the question's words gain nothing, and have no entry.
        """
        most = max(gains, default=0.0)
        without = (self._num_passages - len(gains)) * math.exp(-most)
        total = sum(math.exp(gain - most) for gain in gains) + without
        return most + math.log(total / self._num_passages)


@cache
def _empty() -> frozenset[str]:
    return frozenset(stems([f"{_ABOUT_TEXTS} {_ASKING}"])[0])


def _logistic(log_odds: float) -> float:
    return (1 + math.tanh(log_odds / 2)) / 2  # which no odds are too long for
