"""What an answer and all of its chunks have in common."""

import time
from typing import NamedTuple, Self

from app.clock import new_id
from app.engine.answerer import Answerer, Ask


class Marks(NamedTuple):
    """Which answer this is."""

    id: str
    created: int
    """In seconds since 1970."""
    model: str
    system_fingerprint: str
    """The base model's."""

    @classmethod
    def new(cls, ask: Ask, answerer: Answerer) -> Self:
        """Mark a new answer."""
        answer_id = new_id("chatcmpl").replace("_", "-")
        fingerprint = answerer.describe()["fingerprint"]
        return cls(answer_id, int(time.time()), ask.document_id, fingerprint)
