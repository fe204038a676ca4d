"""The border between the service and the engine: what is asked, what comes back.

Values and a protocol only, no torch: routes and their tests need nothing else of the engine.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.lift.config import MethodConfig


class EngineError(Exception):
    """Base of what the engine refuses."""


class EngineFailedError(EngineError):
    """The model could not answer, for example for lack of memory, or the server is stopping."""


class QuestionTooLongError(EngineError):
    """The question does not fit into the window; the message gives both lengths in tokens."""


class UnusableAdapterError(EngineError):
    """The adapter file is damaged or belongs to another base model; the message says which."""


@dataclass(frozen=True, slots=True)
class AdapterFile:
    """A published adapter, to be had as a file."""

    fetch: Callable[[], AbstractContextManager[Path]]
    """Lends the file, brought to this machine if need be; called only if the engine has not kept
    its memory. `FileNotFoundError` if it is gone; other `OSError`s if it cannot be had now."""
    sha256: str


@dataclass(frozen=True, slots=True)
class Ask:
    """One question on one document."""

    question: str
    document_id: str
    read_text: Callable[[], str]
    """Returns the document's text; called only if the engine has not kept its tokens."""
    method: MethodConfig
    adapter: AdapterFile | None
    """None asks the bare base model over the truncated context."""
    max_tokens: int


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model said, and at what cost."""

    text: str
    memory_share: float | None
    """Mean gate over the answer's tokens, layers and heads, in [0, 1]; None without memory."""
    finish_reason: str
    """`stop` at the end of the turn, `length` at max_tokens."""
    prompt_tokens: int
    completion_tokens: int
    swap_seconds: float
    """Time until the adapter was in place."""
    first_token_seconds: float
    total_seconds: float


class Answerer(Protocol):
    """Answers questions; safe to call from many threads."""

    def answer(self, ask: Ask) -> Reply:
        """Answer greedily.

        Raises:
            QuestionTooLongError: the question leaves no room in the window.
            UnusableAdapterError: the adapter file is damaged or of another base model.
            EngineFailedError: the model failed, or `close` was called meanwhile.
            OSError: what the adapter's `fetch` raises.
        """
        ...

    def forget(self, document_id: str) -> None:
        """Drop all that is kept in memory of a document; unknown ids do nothing."""
        ...

    def close(self) -> None:
        """End the answers under way within a token, and refuse all further ones."""
        ...

    def describe(self) -> dict[str, str]:
        """Name the base model, its fingerprint, device, dtype and quantization."""
        ...
