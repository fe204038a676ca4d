"""Keeps an engine process running: starts it, listens to it, starts it again when it is gone."""

import socket
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from threading import Event, Lock, Thread
from typing import Protocol

import structlog

from app.engine.apart.link import STARTING_AGAIN, Link
from app.engine.apart.messages import Alive, Load, Loaded, NotLoaded
from app.engine.errors import EngineFailedError
from app.lift.errors import BaseModelError

_STOPPING = "the server is stopping; ask again when it is back"
_log = structlog.get_logger()


class Process(Protocol):
    """A child process."""

    @property
    def pid(self) -> int:
        """Its id."""
        ...

    def exit_status(self) -> int | None:
        """Return how it ended; None while it runs."""
        ...

    def stop(self, grace_seconds: float) -> None:
        """End it, and wait for that."""
        ...


Start = Callable[[int], Process]
"""Starts an engine process that speaks through this descriptor and dies with the calling thread."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited for what, in seconds."""

    first_pause: float = 0.5
    """Before a process that died is started again; twice as long each time it dies early."""
    longest_pause: float = 60.0
    settled: float = 30.0
    """A process that answered for so long has not died early."""
    silent: float = 60.0
    """A process that gives no sign of life for so long is killed."""


class Keeper:
    """One engine process after the other."""

    def __init__(
        self, start: Start, load: Load, patience: Patience, on_link: Callable[[Link], None]
    ) -> None:
        """Start a process, and wait until its model is loaded.

        `on_link` is called with each new process, in a thread of its own.

        Raises:
            BaseModelError: the base model cannot be had.
        """
        self._start, self._load, self._patience, self._on_link = start, load, patience, on_link
        self._changing, self._is_closing = Lock(), Event()
        self._process: Process | None = None
        self._link: Link | None = None
        self._first: Future[None] = Future()
        self.description: dict[str, str] = {}
        """What the newest engine says of itself."""
        # The thread lives as long as the process: the kernel ends a child with the thread that
        # started it.
        self._thread = Thread(target=self._keep_running, name="engine-keeper", daemon=True)
        self._thread.start()
        try:
            self._first.result()
        except BaseException:  # Ctrl-C, too
            self.close()
            raise

    @property
    def link(self) -> Link:
        """The way to the running process.

        Raises:
            EngineFailedError: none runs now.
        """
        if link := self._link:
            return link
        raise EngineFailedError(self._why_not())

    @property
    def pid(self) -> int:
        """The newest process's id."""
        assert self._process, "no keeper without a process"
        return self._process.pid

    def close(self) -> None:
        """End the process, whatever it does; who waits for it is told. There is nothing to save."""
        with self._changing:
            self._is_closing.set()
            process = self._process
        if process:
            process.stop(0.0)
        self._thread.join()

    def _keep_running(self) -> None:
        pause = self._patience.first_pause
        while not self._is_closing.is_set():
            if self._run_guarded() > self._patience.settled:
                pause = self._patience.first_pause
            if self._first.exception():
                return
            self._is_closing.wait(pause)
            pause = min(2 * pause, self._patience.longest_pause)

    def _run_guarded(self) -> float:
        try:
            return self._run()
        except Exception as error:
            # The thread's edge: there has to be somebody to start the next process.
            if not self._first.done():
                self._first.set_exception(error)
            elif not self._is_closing.is_set():
                reason = str(error) if isinstance(error, BaseModelError) else None
                _log.error("engine_not_started", reason=reason, exc_info=error)
            return 0.0

    def _run(self) -> float:
        """Run one process to its end; return for how many seconds it answered."""
        process, connection = self._start_process()
        link = Link(connection)
        try:
            self._load_model(process, connection)
            loaded_at = time.monotonic()
            self._link = link
            Thread(target=self._on_link, args=(link,), name="engine-link", daemon=True).start()
            if self._first.done():
                _log.info("engine_started", pid=process.pid)
            else:
                self._first.set_result(None)
            link.listen(self._patience.silent)
            return time.monotonic() - loaded_at
        finally:
            self._link = None
            process.stop(0.0)
            link.end(self._why_not())
            if self._first.done() and not self._is_closing.is_set():
                _log.error("engine_ended", pid=process.pid, status=process.exit_status())

    def _start_process(self) -> tuple[Process, Connection]:
        ours, theirs = socket.socketpair()
        with ours, theirs, self._changing:
            if self._is_closing.is_set():
                raise EngineFailedError(_STOPPING)
            self._process = self._start(theirs.fileno())
            return self._process, Connection(ours.detach())

    def _load_model(self, process: Process, connection: Connection) -> None:
        try:
            connection.send(self._load)
            told = self._loaded(connection)
        except (EOFError, OSError) as error:
            process.stop(0.0)
            raise BaseModelError(
                f"the engine's process ended with status {process.exit_status()} while it loaded "
                "the base model: see above why; -9 most often means that memory ran out"
            ) from error
        if isinstance(told, NotLoaded):
            raise BaseModelError(told.reason)
        self.description = told.description
        chosen = {"dtype": told.description["dtype"]}  # timed once: the next engine is like this
        self._load = replace(self._load, base_model={**self._load.base_model, **chosen})

    def _loaded(self, connection: Connection) -> Loaded | NotLoaded:
        while connection.poll(self._patience.silent):
            told: Alive | Loaded | NotLoaded = connection.recv()
            if not isinstance(told, Alive):
                return told
        raise BaseModelError(
            f"the engine's process gave no sign of life for {self._patience.silent:g} seconds "
            "while it loaded the base model: look whether its device and the model's folder answer"
        )

    def _why_not(self) -> str:
        return _STOPPING if self._is_closing.is_set() else STARTING_AGAIN
