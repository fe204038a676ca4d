"""How likely an answer's tokens were, as OpenAI's clients read it."""

from collections.abc import Iterable
from typing import Self

from pydantic import BaseModel, Field

from app.engine.answerer import Ask, Piece, TokenLogprob

_UNLIKELIEST = -9999.0
"""What OpenAI writes for impossible tokens: JSON has no infinity."""
_UNKNOWN = "\N{REPLACEMENT CHARACTER}"
"""Stands in a token's text for a part of a character."""


class Likelihood(BaseModel):
    """How likely a token was."""

    token: str
    logprob: float
    bytes: list[int] | None = Field(description="In UTF-8; null for parts of characters")

    @classmethod
    def of(cls, token: TokenLogprob) -> Self:
        """Show a token."""
        utf8 = None if _UNKNOWN in token.token else list(token.token.encode())
        return cls(token=token.token, logprob=max(token.logprob, _UNLIKELIEST), bytes=utf8)


class ChosenLikelihood(Likelihood):
    """How likely a chosen token was, and what was likeliest in its place."""

    top_logprobs: list[Likelihood]


class Logprobs(BaseModel):
    """The tokens of an answer, or of a chunk."""

    content: list[ChosenLikelihood]
    refusal: None

    @classmethod
    def of(cls, ask: Ask, pieces: Iterable[Piece]) -> Self | None:
        """Show the tokens of some pieces; None if nobody asked for them."""
        if ask.num_logprobs is None:
            return None
        tokens = [
            ChosenLikelihood(
                **Likelihood.of(piece.token).model_dump(),
                top_logprobs=[Likelihood.of(each) for each in piece.likeliest],
            )
            for piece in pieces
            if piece.token
        ]
        return cls(content=tokens, refusal=None)
