"""All that the API and the engine's process say to each other, as values that can be pickled.

An ask has a number, that of the API; a thing lent for it has one of the engine's process. Texts
and files are not sent along: the engine asks for those that it has not kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NoReturn

from app.engine.answerer import AdapterFile, Ask, Piece, Reply
from app.engine.errors import EngineError
from app.engine.kept import KeptAdapter
from app.engine.measures import EngineMeasures

NOBODY: Final = 0
"""Number of a call whose end nobody waits for."""
MOST_UNREAD: Final = 64
"""Pieces of one answer that are sent ahead of its reader."""


@dataclass(frozen=True, slots=True)
class Load:
    """To the engine, first of all: the base model and the bounds to work with."""

    base_model: Mapping[str, Any]
    """What `load_base_model` is called with."""
    limits: Mapping[str, Any]
    """What `EngineLimits` is made of."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """From the engine: it answers from now on."""

    description: dict[str, str]


@dataclass(frozen=True, slots=True)
class NotLoaded:
    """From the engine: why it ends."""

    reason: str


@dataclass(frozen=True, slots=True)
class Alive:
    """From the engine, each second, also while it loads."""


@dataclass(frozen=True, slots=True)
class Asked:
    """To the engine: a question, without what cannot be sent."""

    number: int
    ask: Ask


@dataclass(frozen=True, slots=True)
class Called:
    """To the engine: another of its methods."""

    number: int
    method: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Read:
    """To the engine: so many pieces were read, and as many more may come."""

    number: int
    num_pieces: int


@dataclass(frozen=True, slots=True)
class Dropped:
    """To the engine: nobody wants the answer any more."""

    number: int


@dataclass(frozen=True, slots=True)
class Said:
    """From the engine: a piece, or the last there is to say."""

    number: int
    value: Piece | Reply | list[KeptAdapter] | EngineMeasures | None


@dataclass(frozen=True, slots=True)
class Refused:
    """From the engine: nothing more comes, for this reason."""

    number: int
    error: "EngineError | NotLentError | OSError"


@dataclass(frozen=True, slots=True)
class WantedText:
    """From the engine: the text of a question's document."""

    lending: int
    number: int
    """The question's."""


@dataclass(frozen=True, slots=True)
class WantedFile:
    """From the engine: an adapter's file."""

    lending: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Lent:
    """To the engine: what it wanted, until it is returned."""

    lending: int
    thing: str | Path


@dataclass(frozen=True, slots=True)
class NotLent:
    """To the engine: it cannot have what it wanted."""

    lending: int
    reason: str


@dataclass(frozen=True, slots=True)
class Returned:
    """From the engine: it needs this no longer."""

    lending: int


class NotLentError(Exception):
    """What the engine wanted cannot be had; the API knows the error itself by the number."""

    def __init__(self, lending: int, reason: str) -> None:
        super().__init__(lending, reason)
        self.lending, self.reason = lending, reason

    def __str__(self) -> str:
        """Say why."""
        return self.reason


ToEngine = Asked | Called | Read | Dropped | Lent | NotLent
"""What the engine is told once it has loaded."""
FromEngine = Alive | Loaded | Said | Refused | WantedText | WantedFile | Returned
"""What the engine tells from the end of its loading on."""


def sendable(ask: Ask) -> Ask:
    """Return a question that can be pickled: what it could call stays here."""
    adapter = ask.adapter and sendable_file(ask.adapter)
    return replace(ask, read_text=_left_behind, is_wanted=_left_behind, adapter=adapter)


def sendable_file(adapter: AdapterFile) -> AdapterFile:
    """Return an adapter that can be pickled."""
    return replace(adapter, fetch=_left_behind)


def _left_behind() -> NoReturn:
    raise AssertionError("this stayed with whoever asked")
