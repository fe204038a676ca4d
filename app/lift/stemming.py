"""Words as they are looked up: their English stems, the commonest words and accents not at all."""

import re
import unicodedata
from typing import cast

from bm25s.tokenization import tokenize
from nltk.stem.snowball import EnglishStemmer

_WORD = re.compile(r"\w+")
_ACCENTS = re.compile(r"[\u0300-\u036f]")
"""What is set above or below letters, `é` being an `e` and one of these."""


def stems(texts: list[str]) -> list[list[str]]:
    """Return the stems of each text's words, without the commonest English ones."""
    plain = [_without_accents(text) for text in texts]
    if not plain:
        return []
    words = tokenize(plain, stopwords="en", stemmer=_stem, return_ids=False, show_progress=False)
    return cast(list[list[str]], words)


def stems_of_words(text: str) -> dict[str, str]:
    """Return the words of a text, in lower case, by the stems that `stems` finds in it."""
    words = _WORD.findall(text.lower())
    return {stem: word for word, found in zip(words, stems(words), strict=True) for stem in found}


def _without_accents(text: str) -> str:
    parted = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize("NFC", _ACCENTS.sub("", parted))


def _stem(words: list[str]) -> list[str]:
    stemmer = EnglishStemmer()
    return [stemmer.stem(word) for word in words]
