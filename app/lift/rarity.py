"""How often a word stands in everyday texts of a text's language, by wordfreq's counts.

Knows languages and counts only. A text's language is the one whose commonest words make up most of
its words.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import NamedTuple

from wordfreq import available_languages, get_frequency_dict, get_frequency_list, top_n_list

from app.lift.stemming import WORD, is_pair, without_accents

Frequency = Callable[[str], float]
"""Share of everyday words that are this one."""

_UNSPACED = {"ja", "ko", "zh"}
"""Languages whose words wordfreq finds with the help of programs that are not here."""
_PAIR_FREQUENCY = 3e-4
"""Of any two letters, where no spaces part words."""
_NUMBER_FREQUENCY = 1e-5
"""Of a word with digits; that of a year of our time, most others are rarer."""
_NUM_COMMONEST = 60
_READ_CHARACTERS = 20_000
"""So much of a text tells its language."""
_NUM_KEPT = 4
"""Languages whose counts are kept in memory, up to 40 MB each."""


def frequency_in(text: str) -> Frequency:
    """Return what tells how frequent words are (`stemming.words_of`) in the language of a text."""
    language = _language(text[:_READ_CHARACTERS])
    return lambda word: _frequency(language, word)


def _frequency(language: str, word: str) -> float:
    if is_pair(word):
        return _PAIR_FREQUENCY
    counts = _counts(language)
    if any(letter.isdigit() for letter in word):
        return counts.of.get(word, _NUMBER_FREQUENCY)
    return counts.of.get(word, counts.least)


class _Counts(NamedTuple):
    of: Mapping[str, float]
    """Of a word without accents: of all words that are written so."""
    least: float
    """Of the rarest word; those that are not counted are rarer still."""


@lru_cache(maxsize=_NUM_KEPT)
def _counts(language: str) -> _Counts:
    counts = Counter[str]()
    by_word = get_frequency_dict(language)
    for word, frequency in by_word.items():
        counts[without_accents(word)] += frequency  # type: ignore[assignment]
    _forget()
    return _Counts(dict(counts), min(by_word.values()))


def _language(text: str) -> str:
    """Return the language of a text; English where nothing tells."""
    words = Counter(re.findall(WORD, unicodedata.normalize("NFC", text).lower()))
    shares = {
        language: sum(words[word] for word in commonest)
        for language, commonest in _commonest().items()
    }
    return max(shares, key=lambda language: (shares[language], language == "en"))


@cache
def _commonest() -> Mapping[str, frozenset[str]]:
    """Return the commonest words of each language that is written with spaces."""
    commonest = {
        language: frozenset(top_n_list(language, _NUM_COMMONEST, wordlist="small"))
        for language in available_languages("small").keys() - _UNSPACED
    }
    _forget()
    return commonest


def _forget() -> None:
    """Free what wordfreq keeps of each list that it ever read."""
    for kept in (get_frequency_dict, get_frequency_list, top_n_list):
        kept.cache_clear()
