"""What the server tells of documents, as its clients read it.

They read what they need and let the rest be, so that they fit newer servers.
"""

from typing import Any

from pydantic import BaseModel, Field

_TERMINAL = {"ready", "failed", "cancelled"}


class Progress(BaseModel):
    """How far the running stage is."""

    completed: int
    total: int
    unit: str
    eta_seconds: float | None = None


class Loss(BaseModel):
    """The training loss of one optimiser step."""

    step: int
    loss: float


class Failure(BaseModel):
    """Why a document could not be lifted."""

    code: str
    detail: str


class Quality(BaseModel):
    """What a memory does for held-back pairs; likelihoods in nats a token."""

    verdict: str
    num_pairs: int
    without_memory: float | None = None
    with_memory: float | None = None
    with_other_memory: float | None = None
    gain: float | None = None
    gain_standard_error: float | None = None
    reason: str | None = None


class QAPair(BaseModel):
    """A question/answer pair about a document."""

    question: str
    answer: str
    evidence: str
    start: int
    is_held_back: bool = False


class Adapter(BaseModel):
    """The memory that a document answers from."""

    version: int = 1


class Document(BaseModel):
    """A document as the server tells of it."""

    id: str
    title: str
    status: str
    version: int = 1
    queue_position: int | None = None
    adapter: Adapter | None = None
    stage: str | None = None
    progress: Progress | None = None
    losses: list[Loss] = Field(default_factory=list)
    error: Failure | None = None
    num_tokens: int | None = None
    method: dict[str, Any] = Field(default_factory=dict)
    quality: Quality | None = None

    @property
    def is_settled(self) -> bool:
        """True once nothing more will happen by itself."""
        return self.status in _TERMINAL


class Evidence(BaseModel):
    """A passage of the document that has something to do with the question."""

    text: str
    start: int
    end: int
    page: int | None = None
    heading: str | None = None


class Answer(BaseModel):
    """What the model said."""

    answer: str
    memory_share: float | None = None
    memory: str = "used"
    evidence: list[Evidence] | None = None
