"""API keys over HTTP and on the command line: how one is wished for, and what is shown of it."""

import re
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from app.callers import Limits, Scope
from app.json_values import require_number
from app.models import ApiKey

_OWNER = "[A-Za-z0-9][A-Za-z0-9._@-]{0,29}"
_Days = Annotated[int, Field(ge=1, le=3650), BeforeValidator(require_number)]
_MAY_CHANGE = {Scope.READ, Scope.WRITE}


class KeyWish(BaseModel):
    """A key to be made."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=100, description="What people know it by")
    owner: Annotated[str, Field(pattern=f"^{_OWNER}$", max_length=30)] | None = Field(
        None,
        description="Whose documents it sees: up to 30 letters, digits and . _ @ -. By default a "
        "new owner with the key's name",
    )
    scopes: set[Scope] = Field(default=_MAY_CHANGE, min_length=1)
    expires_days: _Days | None = Field(None, description="null: it does not expire")
    limits: Limits = Field(Limits(), description="Where they differ from the server's")

    @field_validator("name")
    @classmethod
    def _require_printable(cls, name: str) -> str:
        if not name.isprintable():
            raise ValueError("the name holds characters that cannot be printed")
        return name

    @model_validator(mode="after")
    def _require_owner(self) -> Self:
        if self.owner is None and not re.fullmatch(_OWNER, self.name):
            raise ValueError(
                "an owner has to be named: the key's name cannot be one, which has up to 30 "
                "letters, digits and . _ @ -"
            )
        return self


class KeyView(BaseModel):
    """An API key without the key itself."""

    id: str
    name: str
    owner: str
    scopes: list[Scope]
    limits: dict[str, int] = Field(description="Where they differ from the server's")
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None = Field(description="Noted once a minute at most")

    @classmethod
    def of(cls, row: ApiKey, **more: Any) -> Self:
        """Show a key's row."""
        shown = {name: getattr(row, name) for name in KeyView.model_fields}
        return cls(**shown, **more)


class NewKeyView(KeyView):
    """An API key that was made a moment ago."""

    key: str = Field(description="The key itself, which is shown this once")


class KeyList(BaseModel):
    """All keys, the oldest first, also those that are of no use any more."""

    data: list[KeyView]
