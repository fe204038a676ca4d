"""Who calls the API: whose documents they see, what they may do, how much they may use.

Values only. Which key belongs to whom stands in `keys`, what a limit does in `limits`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, ConfigDict, Field

from app.errors import ScopeMissingError
from app.json_values import require_number
from app.models import LOCAL_OWNER
from app.settings import Settings

Amount = Annotated[int, Field(gt=0, le=2**53 - 1), BeforeValidator(require_number)]
"""Up to the largest integer that every JSON reader keeps."""


class Scope(StrEnum):
    """What a key is good for; none of them includes another."""

    READ = "read"
    """Look at the owner's documents, and ask them."""
    WRITE = "write"
    """Upload, cancel, retry, relift, delete."""
    ADMIN = "admin"
    """Make and revoke keys, whosever they are; see and steer what engines hold of all documents."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one key may use; None sets no limit. The server's defaults have the same names."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    requests_per_minute: Amount | None = None
    max_documents: Amount | None = None
    """Documents of the key's owner."""
    max_stored_bytes: Amount | None = None
    """Bytes that the owner's documents had when they were uploaded."""
    max_training_minutes: Amount | None = None
    """Minutes that workers trained for the owner, today and on the 29 days before."""
    max_concurrent_asks: Amount | None = None
    """Questions of the key that one API process answers at the same time."""

    @classmethod
    def of(cls, settings: Settings, own: Mapping[str, Any]) -> Self:
        """Return the server's limits with a key's own over them."""
        defaults = {field.name: getattr(settings, field.name) for field in fields(cls)}
        return cls(**(defaults | dict(own)))

    def set_ones(self) -> dict[str, int]:
        """Return the limits that there are, by name."""
        return {name: limit for name, limit in asdict(self).items() if limit is not None}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request."""

    owner: str
    scopes: frozenset[Scope]
    key_id: str | None
    """None where nobody needs a key."""
    limits: Limits

    @classmethod
    def local(cls, settings: Settings) -> Self:
        """Return whom everybody is where nobody needs a key."""
        return cls(LOCAL_OWNER, frozenset(Scope), None, Limits.of(settings, {}))

    def require(self, scope: Scope) -> None:
        """Make sure that the key is meant for something.

        Raises:
            ScopeMissingError: it has not this scope.
        """
        if scope not in self.scopes:
            raise ScopeMissingError(f"this needs a key with the scope {scope}", scope=scope)
