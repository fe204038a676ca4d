"""What requests hold, and what the model answers. How documents look is in `document_views`."""

import math
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, Json, StringConstraints

from app.engine.answerer import Ask, Reply

Title = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$"
    ),
]
Preset = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Order(_Request):
    priority: int = Field(0, ge=-100, le=100, description="Of all that wait, the greatest go first")
    device_kind: Literal["cpu", "cuda"] | None = Field(
        None, description="Only such devices train it; null lets any"
    )


class _Intake(_Order):
    duplicate: bool = Field(
        False,
        description="Whether to take it in once more although the same bytes came with the same "
        "settings before; else the answer is that document, with the title that it has",
    )


class UploadFields(_Intake):
    """What may stand beside the file of a multipart upload."""

    title: Title | None = None
    preset: Preset | None = None
    options: Json[dict[str, Any]] = Field(
        default_factory=dict, description="Method options, as a JSON object"
    )


class TextUpload(_Intake):
    """A document whose text is sent as JSON."""

    text: str
    title: Title | None = None
    preset: Preset | None = None
    options: dict[str, Any] = Field(default_factory=dict, description="Method options")


class Relift(_Order):
    """What a document's next version is trained with."""

    preset: Preset | None = Field(
        None, description="Method settings to begin with; those of the newest version by default"
    )
    options: dict[str, Any] = Field(
        default_factory=dict, description="Method options that lie over these settings"
    )


class MemoryUse(StrEnum):
    """Whether a question is answered with the document's memory."""

    REQUIRED = "required"
    OFF = "off"


class Question(_Request):
    """A question on one document."""

    question: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    max_tokens: int | None = Field(
        None, ge=1, description="Most tokens of the answer; unset is 64, or the server's limit"
    )
    memory: MemoryUse = Field(
        MemoryUse.REQUIRED, description="off asks the base model over the truncated text alone"
    )


class Usage(BaseModel):
    """Tokens that went in and out."""

    prompt_tokens: int
    completion_tokens: int


class Timings(BaseModel):
    """Where the time went, in seconds."""

    swap_seconds: float
    first_token_seconds: float
    total_seconds: float


class Answer(BaseModel):
    """What the model said."""

    answer: str
    memory_share: float | None = Field(
        description="How much of the model's attention came from memory, in [0, 1]; null without "
        "and for the kinds lora and pissa. Not a probability that the answer is right"
    )
    memory: str = Field(description="used or off")
    finish_reason: str = Field(description="stop at the end of the answer, length at max_tokens")
    usage: Usage
    timings: Timings
    adapter_sha256: str | None

    @classmethod
    def of(cls, ask: Ask, reply: Reply) -> Self:
        """Show the reply to a question."""
        share = reply.memory_share
        return cls(
            answer=reply.text,
            memory_share=share if share is not None and math.isfinite(share) else None,
            memory="used" if ask.adapter else "off",
            finish_reason=reply.finish_reason,
            usage=Usage(
                prompt_tokens=reply.prompt_tokens, completion_tokens=reply.completion_tokens
            ),
            timings=Timings(
                swap_seconds=reply.swap_seconds,
                first_token_seconds=reply.first_token_seconds,
                total_seconds=reply.total_seconds,
            ),
            adapter_sha256=ask.adapter.sha256 if ask.adapter else None,
        )


class Alive(BaseModel):
    """The process answers."""

    status: str


class Readiness(BaseModel):
    """All parts work."""

    status: str
    model: dict[str, str]
