"""A whole answer as OpenAI's clients read it."""

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import BaseModel, Field

from app.engine.answerer import Context, Piece, Reply
from app.openai.likelihoods import Logprobs
from app.openai.marks import Marks
from app.question_views import Evidence, MemoryState
from app.questions import Inquiry


class ChatUsage(BaseModel):
    """Tokens that went in and out."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int

    @classmethod
    def of(cls, reply: Reply) -> Self:
        """Show what a reply took."""
        return cls(
            prompt_tokens=reply.prompt_tokens,
            completion_tokens=reply.completion_tokens,
            total_tokens=reply.prompt_tokens + reply.completion_tokens,
        )


class LiftDetails(BaseModel):
    """What OpenAI's API has no words for; the same as in an answer of the service's own."""

    memory: MemoryState
    memory_share: float | None
    context: Context
    evidence: list[Evidence] | None
    adapter_version: int | None
    adapter_sha256: str | None
    dropped_turns: int

    @classmethod
    def of(cls, inquiry: Inquiry, reply: Reply) -> Self:
        """Show how an answer came about."""
        answer = inquiry.answer(reply).model_dump()
        return cls.model_validate(answer | {"dropped_turns": reply.num_dropped_turns})


class AssistantMessage(BaseModel):
    """What was said."""

    role: Literal["assistant"]
    content: str
    refusal: None


class Choice(BaseModel):
    """The one answer there is."""

    index: int
    message: AssistantMessage
    logprobs: Logprobs | None
    finish_reason: str = Field(
        description="stop at the end of the answer or a stop string; length at the most tokens"
    )


class ChatCompletion(BaseModel):
    """A whole answer."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: ChatUsage
    system_fingerprint: str = Field(description="Of the base model")
    lift: LiftDetails

    @classmethod
    def of(cls, marks: Marks, inquiry: Inquiry, pieces: Sequence[Piece], reply: Reply) -> Self:
        """Show an answer."""
        message = AssistantMessage(role="assistant", content=reply.text, refusal=None)
        choice = Choice(
            index=0,
            message=message,
            logprobs=Logprobs.of(inquiry.ask, pieces),
            finish_reason=reply.finish_reason,
        )
        return cls(
            object="chat.completion",
            choices=[choice],
            usage=ChatUsage.of(reply),
            lift=LiftDetails.of(inquiry, reply),
            **marks._asdict(),
        )
