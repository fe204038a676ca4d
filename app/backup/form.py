"""What stands in a backup: the names of its members, its head and its manifest.

The head comes first, so that a foreign or newer file is told at once; the manifest comes last, when
all hashes are known. A manifest is JSON lines: the head, an entry for each member, the end.
"""

import json
import re
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from app.backup.errors import BackupError

FORMAT: Final = 1
"""Version of all that stands here."""
HEAD, MANIFEST, SUM = "lift-backup.json", "manifest.jsonl", "manifest.sha256"
READER = "reader.safetensors"
"""The file that LIFT_READER names, if it names one."""
ROWS, STORE = "rows/", "store/"
_STORED = re.compile(
    r"store/documents/doc_[0-9a-z]{26}/"
    r"(source|text\.txt|outline\.json|adapters/[0-9a-f]{64}\.safetensors)"
)
_TABLE = re.compile(r"rows/[a-z_]{1,60}\.jsonl")


@dataclass(frozen=True, slots=True)
class Head:
    """What a backup says of itself."""

    format: int
    lift_version: str
    schema_revision: str
    """Newest migration of the database that was backed up."""
    created_at: str
    """Moment of the rows, in ISO 8601."""
    base_models: list[str]
    """Names of those that the adapters were trained for."""

    def to_json(self) -> str:
        """Return it as one line."""
        return json.dumps({"lift_backup": asdict(self)})

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what `to_json` wrote.

        Raises:
            BackupError: it is none, or of a newer version.
        """
        try:
            told = json.loads(text)["lift_backup"]
            made_by, number = str(told["lift_version"]), int(told["format"])
        except (ValueError, TypeError, KeyError) as error:
            raise BackupError("its beginning is damaged") from error
        if number > FORMAT:
            raise BackupError(
                f"it is of the newer format {number}: restore it with LIFT Server {made_by}"
            )
        try:
            return cls(**told | {"base_models": list(map(str, told["base_models"]))})
        except (TypeError, KeyError) as error:
            raise BackupError("its beginning is damaged") from error


@dataclass(frozen=True, slots=True)
class Entry:
    """One member of the archive."""

    name: str
    size_bytes: int
    sha256: str

    @property
    def store_key(self) -> str:
        """Where the store has it."""
        return self.name.removeprefix(STORE)

    def to_json(self) -> str:
        """Return it as one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote.

        Raises:
            BackupError: it is none.
        """
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise BackupError("its manifest is damaged") from error


@dataclass(frozen=True, slots=True)
class End:
    """The manifest's last line."""

    num_files: int
    num_bytes: int
    left_out: list[str]
    """Documents that were deleted while their files were copied: what is there of them is void."""

    def to_json(self) -> str:
        """Return it as one line."""
        return json.dumps({"end": asdict(self)})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote.

        Raises:
            BackupError: it is none.
        """
        try:
            told: dict[str, Any] = json.loads(text)["end"]
            return cls(**told | {"left_out": list(map(str, told["left_out"]))})
        except (ValueError, TypeError, KeyError) as error:
            raise BackupError("its manifest is damaged") from error


def is_member(name: str) -> bool:
    """Say whether a backup may hold such a member: nothing else is ever written anywhere."""
    return bool(name == READER or _STORED.fullmatch(name) or _TABLE.fullmatch(name))


def is_stored(key: str) -> bool:
    """Say whether a key of the store is one of those that a backup holds."""
    return _STORED.fullmatch(f"{STORE}{key}") is not None
