"""Looking things up in a text: its passages ranked for a question by BM25, and shown in a window.

Words count by their English stems, the commonest not at all.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from bm25s import BM25

from app.lift.passages import Passage
from app.lift.relevance import Relevance
from app.lift.stemming import stem, stems, words_of

_LEAST_PIECE_TOKENS = 16  # a shorter beginning of a passage says nothing


class Ranked(NamedTuple):
    """A passage for a question."""

    passage: Passage
    score: float
    """Of BM25; 0 if it has none of the question's words. Comparable within one question only."""


class PassageRanking:
    """The passages of one text, ready to be searched from many threads."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self.passages = tuple(passages)
        texts = [passage.text for passage in self.passages]
        words = words_of(texts)
        self.relevance = Relevance(texts, words)
        """Which questions concern the text at all."""
        self._ranking = BM25() if any(words) else None  # it cannot do without a word
        if self._ranking:
            stemmed = [[stem(word) for word in found] for found in words]
            self._ranking.index(stemmed, show_progress=False)

    def ranked(self, question: str, most: int | None = None) -> list[Ranked]:
        """Return the passages, the best first, equals in the document's order; `most` at most."""
        scores = self._scores(question)
        if scores is None:
            return [Ranked(passage, 0.0) for passage in self.passages[:most]]
        order = (-scores).argsort(kind="stable")[:most]
        return [Ranked(self.passages[number], float(scores[number])) for number in order]

    def _scores(self, question: str) -> Any:
        (wanted,) = stems([question])
        if not self._ranking or not wanted:
            return None
        return self._ranking.get_scores(wanted)


def passages_context(
    best_first: Sequence[Passage],
    read: Callable[[str], Sequence[int]],
    budget_tokens: int,
    gap: Sequence[int],
) -> list[int]:
    """Return the tokens of the best passages in the document's order, as many as fill a budget.

    See `fit_passages`. `gap` marks where something is left out between.
    """
    return join_passages(fit_passages(best_first, read, budget_tokens, gap), gap)


class FittingPassage(NamedTuple):
    """A passage that has its place in a window."""

    passage: Passage
    tokens: Sequence[int]
    is_whole: bool


def fit_passages(
    best_first: Sequence[Passage],
    read: Callable[[str], Sequence[int]],
    budget_tokens: int,
    gap: Sequence[int],
) -> list[FittingPassage]:
    """Return the best passages, as many as fill a budget when they are joined.

    The last one that is taken may lose its end.
    """
    shown: list[FittingPassage] = []
    for passage in best_first:
        whole = FittingPassage(passage, read(passage.text), is_whole=True)
        fits = len(join_passages([*shown, whole], gap)) <= budget_tokens
        none = FittingPassage(passage, (), is_whole=False)
        room = budget_tokens - len(join_passages([*shown, none], gap))
        if not fits and room < _LEAST_PIECE_TOKENS:
            break
        shown.append(whole if fits else none._replace(tokens=whole.tokens[:room]))
        if not fits:
            break
    return shown


def join_passages(shown: Sequence[FittingPassage], gap: Sequence[int]) -> list[int]:
    """Return the tokens of passages in the document's order."""
    joined: list[int] = []
    before: FittingPassage | None = None
    for each in sorted(shown, key=lambda each: each.passage.start):
        follows = before and before.is_whole and before.passage.end == each.passage.start
        joined += () if before is None or follows else gap
        joined += each.tokens
        before = each
    return joined
