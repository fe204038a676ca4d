"""Cloze questions: a sentence of the text with a gap, asked for as a question is.

Needs no generation and is exact by construction, so every sentence can be asked about, at each of
its content words. Knows text only; ours, not the paper's.
"""

import re
from random import Random
from typing import NamedTuple

GAP_WORD = "what"
"""Stands where the answer is missing."""
_LEAST_GIVEN_WORDS = 2
_MOST_WORDS = 5
_WIDEN = 0.75  # chance that an answer takes in the next content word
_CONTENT_LETTERS = 4
_NAME_WEIGHT = 3.0  # of names and numbers, beside 1 for other words
_MARKS = ",.;:()?!\"'”“"


class Cloze(NamedTuple):
    """A question with its answer."""

    question: str
    answer: str
    """Some words of the sentence, side by side."""


def draw_cloze(sentence: str, random: Random) -> Cloze | None:
    """Draw one gap of a sentence: one to five content words; None if it has none to spare."""
    words = sentence.split()
    content = [
        place for place in range(_LEAST_GIVEN_WORDS, len(words)) if _is_content(words[place])
    ]
    if not content:
        return None
    (chosen,) = random.choices(content, [_weight(words[place]) for place in content])
    start, end = _widened(words, chosen, random)
    answer = " ".join(words[start:end]).strip(_MARKS)
    behind = " ".join(words[end:]).rstrip(_MARKS)
    mark = words[end - 1][-1] if behind and words[end - 1][-1] in ",;:" else ""
    asked = " ".join([*words[:start], GAP_WORD + mark, behind]).strip()
    return Cloze(f"{asked}?", answer)


def _widened(words: list[str], chosen: int, random: Random) -> tuple[int, int]:
    """Return where the answer starts and ends: never across a mark."""
    start, end = chosen, chosen + 1
    while end < len(words) and _goes_on(words[end - 1], words[end]) and _more(start, end, random):
        end += 1
    while (
        start > _LEAST_GIVEN_WORDS
        and _goes_on(words[start - 1], words[start - 1])
        and _more(start, end, random)
    ):
        start -= 1
    return start, end


def _more(start: int, end: int, random: Random) -> bool:
    return end - start < _MOST_WORDS and random.random() < _WIDEN


def _goes_on(last: str, following: str) -> bool:
    return last[-1] not in _MARKS and _is_content(following)


def _is_content(word: str) -> bool:
    bare = word.strip(_MARKS)
    return len(bare) >= _CONTENT_LETTERS or _is_name(bare)


def _is_name(word: str) -> bool:
    """Tell whether a word is a name or a number."""
    return bool(re.search(r"\d", word)) or word[:1].isupper()


def _weight(word: str) -> float:
    return _NAME_WEIGHT if _is_name(word.strip(_MARKS)) else 1.0
