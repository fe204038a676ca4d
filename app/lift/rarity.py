"""How often a word stands in everyday texts of a text's language, by wordfreq's counts.

Knows languages and counts only. A text's language is the one whose commonest words make up most of
its words; where words are not told apart by spaces, letters stand for them.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial

from wordfreq import available_languages, top_n_list, word_frequency

Frequency = Callable[[str], float]
"""Share of everyday words that are this one."""

_UNCOUNTABLE = {"ja", "ko", "zh"}
"""Languages that wordfreq cuts into words with the help of programs that are not here."""
_NUM_COMMONEST = 60
_READ_CHARACTERS = 20_000
"""So much of a text tells its language."""
_LEAST_FREQUENCY = 1e-9
"""Of any word; wordfreq knows none that is rarer."""
_LETTER_FREQUENCY = 1e-3
"""Of any word in a language without counts: what its letters have, where it has thousands."""
_WORD = re.compile(r"[^\W\d_]{2,}")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
"""Letters of scripts without spaces between words; each counts as a word."""


def frequency_in(text: str) -> Frequency:
    """Return what tells how frequent words are in the language of a text."""
    language = _language(text[:_READ_CHARACTERS])
    if language in _UNCOUNTABLE:
        return lambda _: _LETTER_FREQUENCY
    return partial(_frequency, language)


def spaced(word: str) -> Iterator[str]:
    """Yield a word, or its letters if its script knows no spaces between words."""
    yield from _UNSPACED.findall(word) or (word,)


def _frequency(language: str, word: str) -> float:
    if _UNSPACED.fullmatch(word):
        return _LETTER_FREQUENCY
    return max(word_frequency(word, language), _LEAST_FREQUENCY)


def _language(text: str) -> str:
    words = [each for word in _WORD.findall(text.lower()) for each in spaced(word)]
    shares = {
        language: sum(word in commonest for word in words)
        for language, commonest in _commonest().items()
    }
    return max(shares, key=lambda language: (shares[language], language == "en"))


@cache
def _commonest() -> Mapping[str, frozenset[str]]:
    return {
        language: frozenset(top_n_list(language, _NUM_COMMONEST, wordlist="small"))
        for language in available_languages("small")
    }
