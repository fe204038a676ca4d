"""Question/answer pairs over HTTP, and what a memory does for those that it was not trained on."""

from collections.abc import Sequence
from typing import Self

from pydantic import BaseModel, Field

from app.models import Adapter, Document, QAPairRow


class QAPairView(BaseModel):
    """A question/answer pair with the words of the document that prove it."""

    question: str
    answer: str
    evidence: str
    start: int = Field(description="Offset of the evidence in the text, in characters")
    is_held_back: bool = Field(description="Not trained on: the memory is measured with it")

    @classmethod
    def of(cls, pair: QAPairRow) -> Self:
        """Show a pair's row."""
        return cls(
            question=pair.question,
            answer=pair.answer,
            evidence=pair.evidence,
            start=pair.start,
            is_held_back=pair.is_held_back,
        )


class QAPairList(BaseModel):
    """All pairs of a document's running or last attempt, in the document's order."""

    data: list[QAPairView]
    evidence_share: float = Field(
        description="Share of the text's characters that stand in the evidence of pairs, held-back "
        "ones left out"
    )

    @classmethod
    def of(cls, document: Document, pairs: Sequence[QAPairRow]) -> Self:
        """Show a document's pairs, which come in its order."""
        return cls(
            data=[QAPairView.of(pair) for pair in pairs],
            evidence_share=_num_covered(pairs) / max(1, document.num_characters or 0),
        )


def _num_covered(pairs: Sequence[QAPairRow]) -> int:
    num_characters, reached = 0, 0
    for pair in pairs:
        if not pair.is_held_back:
            end = pair.start + len(pair.evidence)
            num_characters += max(0, end - max(reached, pair.start))
            reached = max(reached, end)
    return num_characters


class QualityView(BaseModel):
    """What a memory does for held-back pairs: the answers' mean log-likelihoods, in nats a token.

    Nearer to 0 is likelier.
    """

    verdict: str = Field(
        description="helps, no_measured_help or not_measured; an open set. A memory helps if its "
        "mean gain exceeds its standard error, and what another document's memory gains"
    )
    num_pairs: int = Field(description="Held-back pairs that were scored")
    without_memory: float | None
    with_memory: float | None
    with_other_memory: float | None = Field(
        description="With another document's memory; null if there was none to compare with"
    )
    gain: float | None = Field(description="Mean of what the memory adds to a pair")
    gain_standard_error: float | None
    reason: str | None = Field(description="Why nothing was measured")

    @classmethod
    def of(cls, adapter: Adapter | None) -> Self | None:
        """Show what was measured of an adapter; None if there is none, or nobody measured it."""
        return cls(**adapter.quality) if adapter and adapter.quality else None
