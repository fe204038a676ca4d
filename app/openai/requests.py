"""What clients of OpenAI's API send. Fields that are not named here are ignored, as they expect."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema

from app.engine.answerer import Context
from app.json_values import Flag
from app.question_views import MemoryUse

_LARGEST_WHOLE = 2**53 - 1  # that every JSON reader keeps


class TextPart(BaseModel):
    """A part of a message."""

    type: Literal["text"]
    text: str


def _join_parts(content: object) -> object:
    if content is None:
        return ""
    if not isinstance(content, list):
        return content
    return "\n".join(_text_of(part) for part in content)


def _text_of(part: object) -> str:
    match part:
        case {"type": "text", "text": str(text)}:
            return text
    raise ValueError('only parts of the form {"type": "text", "text": "…"} are understood')


def _list_stops(stop: object) -> object:
    return [stop] if isinstance(stop, str) else stop


def _refuse(value: object) -> object:
    if value:
        raise ValueError("this server cannot do that; leave the field out")
    return value


_Content = Annotated[
    str, BeforeValidator(_join_parts, json_schema_input_type=str | list[TextPart] | None)
]
_Stop = Annotated[str, Field(min_length=1, max_length=1000)]
_Stops = Annotated[
    list[_Stop],
    Field(max_length=4),
    BeforeValidator(_list_stops, json_schema_input_type=_Stop | list[_Stop]),
]
_Impossible = SkipJsonSchema[Annotated[Any, AfterValidator(_refuse)]]


class ChatMessage(BaseModel):
    """One message of a conversation."""

    model_config = ConfigDict(strict=True)

    role: Literal["system", "developer", "user", "assistant"]
    content: _Content = ""


class StreamOptions(BaseModel):
    """What a stream tells besides the answer."""

    model_config = ConfigDict(strict=True)

    include_usage: bool | None = None


class TextFormat(BaseModel):
    """The one form that answers have."""

    type: Literal["text"]


class LiftOptions(BaseModel):
    """The service's own options, the same as of a question to a document.

    OpenAI's clients send them as `extra_body={"lift": {…}}`.
    """

    model_config = ConfigDict(extra="forbid")

    memory: MemoryUse = MemoryUse.REQUIRED
    context: Context | None = None
    evidence: Flag = True

    @model_validator(mode="after")
    def _refuse_contradictions(self) -> Self:
        if self.memory is MemoryUse.OFF and self.context is Context.NONE:
            raise ValueError("memory off with context none would leave nothing of the document")
        return self


class ChatRequest(BaseModel):
    """A conversation to be gone on with."""

    model_config = ConfigDict(strict=True)

    model: str = Field(min_length=1, max_length=200, description="Id of a ready document")
    messages: list[ChatMessage] = Field(
        min_length=1,
        max_length=2000,
        description="Instructions, earlier turns, and the question, which the user says last",
    )
    max_completion_tokens: int | None = Field(
        None,
        ge=1,
        le=_LARGEST_WHOLE,
        description="Most tokens of the answer; the server's own limit caps it",
    )
    max_tokens: int | None = Field(
        None, ge=1, le=_LARGEST_WHOLE, description="Older name of max_completion_tokens"
    )
    temperature: float | None = Field(None, ge=0, le=2, description="0, the default, is greedy")
    top_p: float | None = Field(None, ge=0, le=1)
    seed: int | None = Field(None, ge=-_LARGEST_WHOLE, le=_LARGEST_WHOLE)
    stop: _Stops | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = Field(
        None, ge=0, le=20, description="Most likely tokens at each place; needs logprobs"
    )
    n: Literal[1] | None = Field(None, description="There is one answer")
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    response_format: TextFormat | None = None
    modalities: list[Literal["text"]] | None = None
    tools: _Impossible = None
    functions: _Impossible = None
    audio: _Impossible = None
    lift: LiftOptions = LiftOptions()

    @field_validator("top_logprobs")
    @classmethod
    def _require_logprobs(cls, wished: int | None, info: ValidationInfo) -> int | None:
        if wished is not None and not info.data.get("logprobs"):
            raise ValueError("this needs logprobs: true")
        return wished

    @property
    def wants_usage(self) -> bool:
        """Whether a stream is to tell how many tokens it took."""
        return bool(self.stream_options and self.stream_options.include_usage)
