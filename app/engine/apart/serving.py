"""The engine's process: loads a base model, and answers what comes through its connection."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from threading import Event, Lock, Semaphore, Thread

import structlog

from app.engine.answerer import AdapterFile, Answerer, Ask
from app.engine.apart.borrowing import Borrower
from app.engine.apart.breathing import BREATH_SECONDS
from app.engine.apart.messages import (
    MOST_UNREAD,
    NOBODY,
    Alive,
    Asked,
    Called,
    Dropped,
    FromEngine,
    Lent,
    Load,
    Loaded,
    NotLent,
    NotLentError,
    Read,
    Refused,
    Said,
    ToEngine,
)
from app.engine.batching import BatchingAnswerer, EngineLimits
from app.engine.errors import EngineError, EngineFailedError
from app.lift.base_model import load_base_model

_log = structlog.get_logger()


def load_engine(connection: Connection) -> "Serving":
    """Load what the first message names.

    Raises:
        LiftError: it cannot be had; says what to do.
    """
    load: Load = connection.recv()
    base = load_base_model(**load.base_model)
    return Serving(connection, BatchingAnswerer(base, EngineLimits(**load.limits)))


class Serving:
    """An engine that answers what comes through a connection."""

    def __init__(self, connection: Connection, answerer: Answerer) -> None:
        self._connection, self._answerer = connection, answerer
        self._sending = Lock()
        self._borrower = Borrower(self._send)
        self._answers: dict[int, _Answer] = {}

    def run(self) -> None:
        """Say that it can be asked, and do what comes until nobody is left who could ask.

        Nothing here waits for the model. Answers may still be under way at the end.

        Raises:
            EngineFailedError: the engine's own thread is gone.
        """
        with suppress(EOFError, ConnectionError):
            self._send(Loaded(self._answerer.describe()))
            breathed_at = 0.0
            while True:
                self._answerer.check_running()
                if time.monotonic() - breathed_at >= BREATH_SECONDS:
                    self._send(Alive())
                    breathed_at = time.monotonic()
                if self._connection.poll(BREATH_SECONDS):
                    self._take(self._connection.recv())

    def _take(self, message: ToEngine) -> None:
        match message:
            case Asked(number, ask):
                self._answers[number] = answer = _Answer()
                Thread(target=self._answer, args=(number, ask, answer), daemon=True).start()
            case Read(number, num_pieces):
                if reading := self._answers.get(number):
                    reading.room.release(num_pieces)
            case Dropped(number):
                if dropped := self._answers.get(number):
                    dropped.drop()
            case Called():
                self._call(message)
            case Lent() | NotLent():
                self._borrower.take(message)

    def _answer(self, number: int, ask: Ask, answer: "_Answer") -> None:
        """Answer one question, in a thread of its own."""
        ask = self._borrower.complete(number, ask, answer.is_wanted)
        with self._refusing(number):
            for said in self._answerer.stream(ask):
                answer.room.acquire()
                self._send(Said(number, said))
        del self._answers[number]

    def _call(self, call: Called) -> None:
        with self._refusing(call.number):
            arguments = [self._complete(argument) for argument in call.arguments]
            value = getattr(self._answerer, call.method)(*arguments)
            if call.number != NOBODY:
                self._send(Said(call.number, value))

    def _complete(self, argument: object) -> object:
        if isinstance(argument, AdapterFile):
            return self._borrower.complete_file(argument)
        return argument

    @contextmanager
    def _refusing(self, number: int) -> Iterator[None]:
        try:
            yield
        except (EngineError, NotLentError, OSError) as error:
            if number == NOBODY:
                _log.warning("engine_refused", error=str(error))
            else:
                self._send(Refused(number, error))
        except Exception:
            # A thread's edge: whoever asked has to hear of it.
            _log.exception("engine_refused")
            reason = "the engine failed, and its log says why; ask again"
            if number != NOBODY:
                self._send(Refused(number, EngineFailedError(reason)))

    def _send(self, message: FromEngine) -> None:
        with self._sending, suppress(ConnectionError):  # nobody listens any more: `run` ends, too
            self._connection.send(message)


class _Answer:
    """How far one answer may go."""

    def __init__(self) -> None:
        self.room = Semaphore(MOST_UNREAD)
        """For further pieces on their way to the reader."""
        self._dropped = Event()

    def is_wanted(self) -> bool:
        """Whether its reader is still there."""
        return not self._dropped.is_set()

    def drop(self) -> None:
        """End it: who waits for room has to find out."""
        self._dropped.set()
        self.room.release()
