"""The border between the service and the engine: what is asked, what comes back.

Values and a protocol only, no torch: with `errors` and `kept`, all that routes and their tests need
of the engine.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from app.engine.kept import KeptAdapter
from app.engine.sources import Composed, Source
from app.lift.config import MethodConfig
from app.lift.passages import Passage

if TYPE_CHECKING:
    from app.engine.measures import EngineMeasures


@dataclass(frozen=True, slots=True)
class AdapterFile:
    """A published adapter, to be had as a file."""

    fetch: Callable[[], AbstractContextManager[Path]]
    """Lends the file, brought to this machine if need be; called only if the engine has not kept
    its memory. `FileNotFoundError` if it is gone; other `OSError`s if it cannot be had now."""
    sha256: str
    size_bytes: int = 0
    """Of the file; 0 if nobody has looked."""


class Context(StrEnum):
    """Which text of the document a question is answered over."""

    TRUNCATED = "truncated"
    """Its head and tail, as much as fits: what the memory was trained beside."""
    RETRIEVED = "retrieved"
    """The passages that fit the question best."""
    NONE = "none"
    """None: the memory alone."""


class Speaker(StrEnum):
    """Who said something in a conversation."""

    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier contribution to a conversation."""

    speaker: Speaker
    text: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are chosen."""

    temperature: float = 0.0
    """0 takes the likeliest token always."""
    top_p: float = 1.0
    """Only the likeliest tokens are drawn from that have this probability together."""
    seed: int | None = None
    """The same seed gives the same answer; None draws one."""
    stop: tuple[str, ...] = ()
    """The answer ends before the first of these."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One question on one document, or, with `sources`, on what several have answered."""

    question: str
    document_id: str
    read_text: Callable[[], str]
    """Returns the document's text; called only if the engine has not kept its tokens."""
    method: MethodConfig
    adapter: AdapterFile | None
    """None asks the bare base model over the context."""
    max_tokens: int
    context: Context = Context.TRUNCATED
    passages: tuple[Passage, ...] = ()
    """What the context `retrieved` shows, the best first: as many as fit, in the text's order."""
    history: tuple[Turn, ...] = ()
    """Earlier turns, the oldest first: user and assistant in turn, as many as fit."""
    system: str | None = None
    """Instructions that stand before everything else."""
    sampling: Sampling = Sampling()
    num_logprobs: int | None = None
    """How many of the likeliest tokens are told at each place, besides the one taken; None tells of
    none at all."""
    sources: tuple[Source, ...] = ()
    """What the bare base model composes one answer from, in place of the document's text and of
    what was said before."""
    is_wanted: Callable[[], bool] = lambda: True
    """Whether somebody waits for the answer still; looked at while others are answered first."""


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """How likely a token was."""

    token: str
    logprob: float
    """Natural logarithm, before temperature and top-p."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the answer as it comes; the texts of all pieces together are the reply's."""

    text: str
    """May be empty: a character can take several tokens."""
    memory_share: float | None
    """Mean gate over layers and heads where its last token was predicted."""
    token: TokenLogprob | None = None
    """Its last token, if log-probabilities were asked for; None once all tokens were told."""
    likeliest: tuple[TokenLogprob, ...] = ()
    """The likeliest tokens in that place, the best first."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model said, and at what cost."""

    text: str
    memory_share: float | None
    """Mean gate over the answer's tokens, layers and heads, in [0, 1]; None without memory."""
    finish_reason: str
    """`stop` at the end of the turn or a stop string, `length` at max_tokens."""
    prompt_tokens: int
    completion_tokens: int
    swap_seconds: float
    """Time until the adapter was in place."""
    first_token_seconds: float
    total_seconds: float
    num_dropped_turns: int = 0
    """Earlier turns, the oldest, that did not fit into the window."""
    composed: Composed | None = None
    """Of an answer that was composed from sources."""


class Answerer(Protocol):
    """Answers questions; safe to call from many threads.

    What the engine has to do or to tell raises `EngineFailedError` while it does not run.
    """

    def stream(self, ask: Ask) -> Iterator[Piece | Reply]:
        """Answer in pieces, one for each token; the reply, with all of the text, comes last.

        Closing the iterator ends the answer within a token. `collect` gives the reply alone. Others
        may have to wait until the next piece is asked for: whoever streams to somebody slow reads
        ahead.

        Raises:
            QuestionTooLongError: question and history leave no room in the window.
            UnusableAdapterError: the adapter file is damaged or of another base model.
            EngineFailedError: the model failed, or `close` was called meanwhile.
            OSError: what the adapter's `fetch` raises.
        """
        ...

    def forget(self, document_id: str) -> None:
        """Drop all that is kept in memory of a document, its pin, too; unknown ids do nothing."""
        ...

    def kept_adapters(self) -> list[KeptAdapter]:
        """Tell of all adapters that are held, on their way or failed; least lately used first."""
        ...

    def preload(self, document_id: str, adapter: AdapterFile) -> None:
        """Begin to bring an adapter to where answers read it; returns at once.

        One that is there, or on its way for others, is not read from its file again. What goes
        wrong is told by `kept_adapters`.
        """
        ...

    def pin(self, document_id: str, adapter: AdapterFile) -> None:
        """Preload an adapter, and keep it in main memory until `unpin`, `evict` or `forget`.

        A pin is its document's: when another adapter of it is asked for, the pin goes over to that
        one. A pin ends if its adapter fails, or turns out to take more room than is left to pins.

        Raises:
            AdaptersFullError: it does not fit into main memory beside what is pinned already.
        """
        ...

    def unpin(self, document_id: str) -> None:
        """End a document's pin; what it held may have to leave now. Unknown ids do nothing."""
        ...

    def evict(self, document_id: str) -> None:
        """End a document's pin and drop its adapters, those that answers read once none does.

        Unlike after `forget`, the document is still there: the next ask loads its adapter again.
        Unknown ids do nothing.
        """
        ...

    def close(self) -> None:
        """End the answers under way within a token, and refuse all further ones."""
        ...

    def check_running(self) -> None:
        """Return if questions are answered now.

        Raises:
            EngineFailedError: the engine has stopped; one in a process of its own is started again.
        """
        ...

    def measures(self) -> "EngineMeasures":
        """Tell what the engine has counted of its own work."""
        ...

    def describe(self) -> dict[str, str]:
        """Name the base model, its fingerprint, device, dtype and quantization."""
        ...


def collect(pieces: Iterator[Piece | Reply]) -> Reply:
    """Return the reply that ends a streamed answer."""
    *_, reply = pieces
    assert isinstance(reply, Reply), "an answer that does not end in a reply"
    return reply
