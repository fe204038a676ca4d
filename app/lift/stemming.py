"""Words as they are looked up: their English stems, the commonest words not at all."""

from typing import cast

from bm25s.tokenization import tokenize
from nltk.stem.snowball import EnglishStemmer


def stems(texts: list[str]) -> list[list[str]]:
    """Return the stems of each text's words, without the commonest English ones."""
    words = tokenize(texts, stopwords="en", stemmer=_stem, return_ids=False, show_progress=False)
    return cast(list[list[str]], words)


def _stem(words: list[str]) -> list[str]:
    stemmer = EnglishStemmer()
    return [stemmer.stem(word) for word in words]
