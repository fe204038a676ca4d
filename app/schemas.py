"""What requests hold. How documents look is in `document_views`, questions in `question_views`."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, Json, StringConstraints, field_validator

from app.json_values import Flag, Whole, read_form_value

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
    priority: Whole = Field(
        0, ge=-100, le=100, description="Of all that wait, the greatest go first"
    )
    device_kind: Literal["cpu", "cuda"] | None = Field(
        None, description="Only such devices train it; null lets any"
    )


StartsFrom = Annotated[
    str | None,
    Field(
        max_length=30,
        description="Id of a document with a memory of which this is a changed or longer text: "
        "only what has changed is learnt, from that memory on; where it cannot be, all is",
    ),
]


class _Intake(_Order):
    duplicate: Flag = Field(
        False,
        description="Whether to take it in once more although the same bytes came with the same "
        "settings before; else the answer is that document, with the title that it has",
    )


class ArchiveFields(_Intake):
    """What may stand beside an archive whose files are to become documents."""

    preset: Preset | None = None
    options: Json[dict[str, Any]] = Field(
        default_factory=dict, description="Method options, as a JSON object"
    )

    _read_texts = field_validator("priority", "duplicate", mode="before")(read_form_value)


class UploadFields(ArchiveFields):
    """What may stand beside the file of a multipart upload."""

    title: Title | None = None
    starts_from: StartsFrom = None


class TextUpload(_Intake):
    """A document whose text is sent as JSON."""

    text: str
    title: Title | None = None
    preset: Preset | None = None
    options: dict[str, Any] = Field(default_factory=dict, description="Method options")
    starts_from: StartsFrom = None


class Relift(_Order):
    """What a document's next version is trained with."""

    preset: Preset | None = Field(
        None, description="Method settings to begin with; those of the newest version by default"
    )
    options: dict[str, Any] = Field(
        default_factory=dict, description="Method options that lie over these settings"
    )


class Alive(BaseModel):
    """The process answers."""

    status: str


class Readiness(BaseModel):
    """All parts work."""

    status: str
    model: dict[str, str]
