"""The rival that looks things up: a document's passages, ranked by BM25 for a question.

What is found fills the tokens that it is given, in the document's order, so that it competes at
equal prompt tokens.
"""

from app.lift.base_model import BaseModel
from app.lift.passages import cut_passages
from app.lift.prompts import GAP
from app.lift.retrieval import PassageRanking, passages_context

LEAST_TOKENS = 120
"""A passage that has so many ends with its paragraph."""
MOST_TOKENS = 200


class PassageIndex:
    """The passages of one text, cut by a base model's tokens, ready to be searched."""

    def __init__(self, base: BaseModel, text: str) -> None:
        self._base = base
        cut = cut_passages(text, lambda piece: len(base.tokenize(piece)), LEAST_TOKENS, MOST_TOKENS)
        self.ranking = PassageRanking(list(cut))

    def context(self, question: str, budget_tokens: int) -> list[int]:
        """Return the best passages for a question, in the document's order.

        They fill `budget_tokens`: the last one that is taken may lose its end. A gap of the text
        is marked as in a truncated context.
        """
        best = [ranked.passage for ranked in self.ranking.ranked(question)]
        gap = self._base.tokenize(GAP)
        return passages_context(best, self._base.tokenize, budget_tokens, gap)
