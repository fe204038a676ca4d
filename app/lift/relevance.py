"""Does a question concern a document at all? The share of its words that one passage holds.

Words weigh by their rarity in everyday texts, so names and terms decide and `city` hardly counts.
A memory also teaches its manner of answering; asked about something else, it would lend that to
answers it knows nothing of. So methods with a `least_overlap` read it for related questions only.
Trains nothing, reads no model.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import NamedTuple, Self

from app.lift.elsewhere import load_passages
from app.lift.passages import PASSAGE_CHARACTERS, cut_passages
from app.lift.stemming import stems

_ABOUT_TEXTS = (
    "about according article author describe description discuss discussion document explain "
    "explanation happen happened main mention mentioned opinion overview paper passage said say "
    "story study summarise summarize summary tell text think told whole"
)
"""Words that speak of a text, not of what stands in it: any document may be asked with them."""
_ASKING = (
    "am any been can could did do does done had has have he her him his how i many may me might "
    "much my one our shall she should some them us we were what when where which who whom whose "
    "why would you your"
)
"""Words of asking, beside those that count nowhere."""
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
"""Letters of scripts without spaces between words; each counts as a word."""


class Relevance:
    """The words of one document, by its passages. Safe to share between threads."""

    def __init__(self, passages: Iterable[Iterable[str]]) -> None:
        """Know a document by the stems (`stemming.stems`) of its passages' words."""
        places = defaultdict[str, list[int]](list)
        for place, stemmed in enumerate(passages):
            for word in set(_spaced(stemmed)):
                places[word].append(place)
        self._places: Mapping[str, list[int]] = dict(places)

    @classmethod
    def of(cls, text: str) -> Self:
        """Know a document by its text."""
        passages = [passage.text for passage in cut_passages(text, len, *PASSAGE_CHARACTERS)]
        return cls(stems(passages) if passages else ())

    def overlap(self, question: str) -> float:
        """Return the most of a question's words that one passage holds, weighed, in [0, 1].

        1 for a question without any word of content, such as `Why?`.
        """
        weights = {word: _rarity().of(word) for word in _words(question) if word not in _empty()}
        held = defaultdict[int, float](float)
        for word, weight in weights.items():
            for place in self._places.get(word, ()):
                held[place] += weight
        return max(held.values(), default=0.0) / sum(weights.values()) if weights else 1.0


class _Rarity(NamedTuple):
    num_texts: int
    num_with: Mapping[str, int]

    def of(self, word: str) -> float:
        """Return a word's inverse document frequency, in nats."""
        return math.log((self.num_texts + 1) / (self.num_with.get(word, 0) + 0.5))


@cache
def _rarity() -> _Rarity:
    texts = [set(_words(passage.text)) for passage in load_passages()]
    counted = Counter(word for text in texts for word in text)
    return _Rarity(len(texts), MappingProxyType(counted))


@cache
def _empty() -> frozenset[str]:
    return frozenset(_words(f"{_ABOUT_TEXTS} {_ASKING}"))


def _words(text: str) -> Iterator[str]:
    """Yield the stems of a text's words, without the commonest English ones."""
    (found,) = stems([text])
    return _spaced(found)


def _spaced(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        yield from _UNSPACED.findall(word) or (word,)
