"""Words as they are looked up: without capitals and accents, the commonest English ones not at all.

Where no spaces part words, pairs of neighbouring letters stand for them.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import cast

from bm25s.tokenization import tokenize
from nltk.stem.snowball import EnglishStemmer

_ACCENTS = re.compile(r"[\u0300-\u036f]")
"""What is set above or below letters, `é` being an `e` and one of these."""
WORD = r"[\w\u0900-\u0963\u0966-\u0eff\u1000-\u109f\u1780-\u17ff]{2,}"
"""A word, with the vowel signs of scripts that write them beside letters."""
_UNSPACED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
"""Letters of scripts without spaces between words, and Korean, whose particles stand in words."""
_RUN = re.compile(f"(?P<unspaced>[{_UNSPACED}]+)|[^{_UNSPACED}]+")
_LONGEST = 50
"""Letters of a word that has a stem."""


def words_of(texts: list[str]) -> list[list[str]]:
    """Return the words of each text, the commonest English ones left out."""
    if not texts:
        return []
    plain = [without_accents(text) for text in texts]
    found = tokenize(
        plain, stopwords="en", token_pattern=WORD, return_ids=False, show_progress=False
    )
    return [
        [part for word in words if word.strip("_") for part in _spaced(word)]
        for words in cast(list[list[str]], found)
    ]


def stems(texts: list[str]) -> list[list[str]]:
    """Return the stems of each text's words."""
    return [[stem(word) for word in words] for words in words_of(texts)]


def stem(word: str) -> str:
    """Return the English stem of a word."""
    return _stem(word) if len(word) <= _LONGEST else word


def is_pair(word: str) -> bool:
    """Tell whether a word is letters of a script without spaces, two at most."""
    run = _RUN.fullmatch(word)
    return bool(run and run["unspaced"])


def without_accents(text: str) -> str:
    """Return a text with the bare letters of those that have accents."""
    if text.isascii():
        return text
    parted = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize("NFC", _ACCENTS.sub("", parted))


def _spaced(word: str) -> Iterator[str]:
    for run in _RUN.finditer(word):
        letters = run["unspaced"]
        if letters is None or len(letters) < 2:
            yield run[0]
            continue
        yield from (letters[place : place + 2] for place in range(len(letters) - 1))


@lru_cache(maxsize=1 << 16)
def _stem(word: str) -> str:
    return cast(str, EnglishStemmer().stem(word))
