"""What is said to one engine process, and who hears its answers."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from multiprocessing.connection import Connection
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Any, Final

import structlog

from app.engine.answerer import Ask, Piece, Reply
from app.engine.apart.lending import Lender
from app.engine.apart.messages import (
    MOST_UNREAD,
    NOBODY,
    Alive,
    Asked,
    Called,
    Dropped,
    FromEngine,
    Loaded,
    NotLentError,
    Read,
    Refused,
    Returned,
    Said,
    ToEngine,
    WantedFile,
    WantedText,
    sendable,
)
from app.engine.errors import EngineFailedError
from app.engine.kept import KeptAdapter
from app.engine.measures import EngineMeasures

STARTING_AGAIN: Final = "the engine stopped and is started again; ask again in a few seconds"
_LOOK_SECONDS = 0.2
_READ_AT_ONCE = MOST_UNREAD // 2
_log = structlog.get_logger()

Heard = Piece | Reply | list[KeptAdapter] | EngineMeasures | Exception | None


class Link:
    """A running engine process as those see it who ask. Safe to use from many threads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sending, self._changing = Lock(), Lock()
        self._hearers: dict[int, SimpleQueue[Heard]] = {}
        self._numbers = count(NOBODY + 1)
        self._end_reason: str | None = None
        self.lender = Lender(self._send)

    @property
    def num_hearers(self) -> int:
        """Questions and calls under way."""
        return len(self._hearers)

    def stream(self, ask: Ask) -> Iterator[Piece | Reply]:
        """Answer piece by piece; see `Answerer`."""
        number, heard = self._begin()
        try:
            self.lender.offer_text(number, ask.read_text)
            if ask.adapter:
                self.lender.offer_file(ask.adapter)
            self._send(Asked(number, sendable(ask)))
            yield from self._pieces(number, heard, ask)
        finally:
            self._drop(number)

    def call(self, method: str, *arguments: object, seconds: float | None = None) -> Any:
        """Return what a method of the engine returns, if it does within so many seconds."""
        number, heard = self._begin()
        self._send(Called(number, method, arguments))
        try:
            value = heard.get(timeout=seconds)
        except Empty as error:
            with self._changing:
                self._hearers.pop(number, None)
            raise EngineFailedError("the engine does not answer; ask again later") from error
        if isinstance(value, Exception):
            raise value
        return value

    def tell(self, method: str, *arguments: object) -> None:
        """Call a method and do not wait for its end; calls and questions keep their order."""
        self._send(Called(NOBODY, method, arguments))

    def listen(self, silent_seconds: float) -> None:
        """Hand on all that the engine says, until it is gone or says nothing for so long."""
        with suppress(EOFError, OSError):
            while self._connection.poll(silent_seconds):
                self._take(self._connection.recv())
            _log.error("engine_silent", seconds=silent_seconds)

    def end(self, reason: str) -> None:
        """Tell all who wait that nothing more comes; the process has to be gone."""
        with self._changing:
            self._end_reason = reason
            hearers, self._hearers = self._hearers, {}
        with self._sending:
            self._connection.close()
        self.lender.end()
        for heard in hearers.values():
            heard.put(EngineFailedError(reason))

    def _begin(self) -> tuple[int, SimpleQueue[Heard]]:
        number, heard = next(self._numbers), SimpleQueue[Heard]()
        with self._changing:
            if self._end_reason:
                raise EngineFailedError(self._end_reason)
            self._hearers[number] = heard
        return number, heard

    def _pieces(self, number: int, heard: SimpleQueue[Heard], ask: Ask) -> Iterator[Piece | Reply]:
        for num_heard in count(1):
            said = _next(heard, ask)
            match said:
                case Piece():
                    yield said
                case Reply():
                    yield said
                    return
                case NotLentError(lending=lending):
                    raise self.lender.take_error(lending) or EngineFailedError(STARTING_AGAIN)
                case Exception():
                    raise said
            if num_heard % _READ_AT_ONCE == 0:
                self._send(Read(number, _READ_AT_ONCE))

    def _drop(self, number: int) -> None:
        self.lender.withdraw_text(number)
        with self._changing:
            is_over = self._hearers.pop(number, None) is None
        if not is_over:
            with suppress(EngineFailedError):
                self._send(Dropped(number))

    def _send(self, message: ToEngine) -> None:
        try:
            with self._sending:
                self._connection.send(message)
        except OSError as error:  # it is gone, as `listen` finds out, too
            raise EngineFailedError(self._end_reason or STARTING_AGAIN) from error

    def _take(self, message: FromEngine) -> None:
        match message:
            case Said(number, value):
                self._hear(number, value)
            case Refused(number, error):
                self._hear(number, error)
            case WantedText() | WantedFile():
                self.lender.lend(message)
            case Returned(lending):
                self.lender.take_back(lending)
            case Alive() | Loaded():
                pass

    def _hear(self, number: int, value: Heard) -> None:
        with self._changing:
            heard = self._hearers.get(number)
            if not isinstance(value, Piece):  # the last there is
                self._hearers.pop(number, None)
        if heard:
            heard.put(value)


def _next(heard: SimpleQueue[Heard], ask: Ask) -> Heard:
    while True:
        if not ask.is_wanted():
            raise EngineFailedError("nobody waits for the answer any more")
        with suppress(Empty):
            return heard.get(timeout=_LOOK_SECONDS)
