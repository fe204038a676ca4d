"""What the server takes at most, told before anything is sent."""

from typing import Self

from pydantic import BaseModel, Field

from app.callers import Caller, Limits, Scope
from app.joint_views import MOST_DOCUMENTS
from app.lift.presets import PRESETS
from app.question_views import LONGEST_WORDS
from app.settings import Settings


class LimitsView(BaseModel):
    """What this server takes, and what the caller may do."""

    max_document_bytes: int = Field(description="Of one upload")
    max_answer_tokens: int = Field(description="Of one answer")
    max_question_characters: int
    max_documents_asked: int = Field(description="By one question")
    presets: list[str] = Field(description="Method settings that an upload can name")
    default_preset: str
    scopes: list[Scope] = Field(description="What the caller may do; without keys, everything")
    quotas: Limits = Field(description="What the caller may use; null sets no limit")

    @classmethod
    def of(cls, settings: Settings, caller: Caller) -> Self:
        """Show the server's limits to a caller."""
        return cls(
            max_document_bytes=settings.max_document_bytes,
            max_answer_tokens=settings.max_answer_tokens,
            max_question_characters=LONGEST_WORDS,
            max_documents_asked=MOST_DOCUMENTS,
            presets=list(PRESETS),
            default_preset=settings.preset,
            scopes=sorted(caller.scopes),
            quotas=caller.limits,
        )
