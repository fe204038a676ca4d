"""Lends the engine's process what it has not kept: texts, and files on this machine.

What goes wrong stays here: the engine hears a number and a reason, and by the number whoever asked
is told the error itself.
"""

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from threading import Event, Lock

import structlog

from app.engine.answerer import AdapterFile
from app.engine.apart.messages import Lent, NotLent, WantedFile, WantedText
from app.engine.errors import EngineFailedError

_NUM_THREADS = 4
"""The engine reads one text and two files at the same time."""
_MOST_FILES = 4096
"""Adapters that the engine may still want: it loads them later than it is asked."""
_MOST_ERRORS = 256
_log = structlog.get_logger()


class Lender:
    """What one engine process may borrow. Safe to use from many threads."""

    def __init__(self, send: Callable[[Lent | NotLent], None]) -> None:
        self._send = send
        self._threads = ThreadPoolExecutor(_NUM_THREADS, thread_name_prefix="lending")
        self._lock = Lock()
        self._texts: dict[int, Callable[[], str]] = {}
        self._files: OrderedDict[str, AdapterFile] = OrderedDict()
        self._returns: dict[int, Event] = {}
        self._errors: OrderedDict[int, Exception] = OrderedDict()

    def offer_text(self, number: int, read_text: Callable[[], str]) -> None:
        """Have a question's text ready until `withdraw_text`."""
        with self._lock:
            self._texts[number] = read_text

    def withdraw_text(self, number: int) -> None:
        """Lend it no more."""
        with self._lock:
            self._texts.pop(number, None)

    def offer_file(self, adapter: AdapterFile) -> None:
        """Have an adapter ready."""
        with self._lock:
            self._files[adapter.sha256] = adapter
            self._files.move_to_end(adapter.sha256)
            if len(self._files) > _MOST_FILES:
                self._files.popitem(last=False)

    def lend(self, wanted: WantedText | WantedFile) -> None:
        """Begin to fetch what the engine wants."""
        self._threads.submit(self._lend, wanted)

    def take_back(self, lending: int) -> None:
        """Let go of what the engine has returned."""
        with self._lock:
            returned = self._returns.get(lending)
        if returned:
            returned.set()

    def take_error(self, lending: int) -> Exception | None:
        """Return why something could not be lent."""
        with self._lock:
            return self._errors.pop(lending, None)

    def end(self) -> None:
        """Take everything back: the engine is gone, and nothing more can be sent to it."""
        with self._lock:
            for returned in self._returns.values():
                returned.set()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _lend(self, wanted: WantedText | WantedFile) -> None:
        lending, returned = wanted.lending, Event()
        with self._lock:
            self._returns[lending] = returned
        try:
            with self._fetched(wanted) as thing:
                self._send(Lent(lending, thing))
                returned.wait()
        except Exception as error:
            # The thread's edge: of any kind, and raised again where the question came from.
            self._refuse(lending, error, is_over=returned.is_set())
        finally:
            with self._lock:
                del self._returns[lending]

    def _fetched(self, wanted: WantedText | WantedFile) -> AbstractContextManager[str | Path]:
        if isinstance(wanted, WantedFile):
            if file := self._files.get(wanted.sha256):
                return file.fetch()
        elif read_text := self._texts.get(wanted.number):
            return nullcontext(read_text())
        raise EngineFailedError("the question is gone; ask again")

    def _refuse(self, lending: int, error: Exception, *, is_over: bool) -> None:
        if is_over:
            _log.error("lent_file_not_let_go", exc_info=error)
            return
        with self._lock:
            self._errors[lending] = error.with_traceback(None)
            if len(self._errors) > _MOST_ERRORS:
                self._errors.popitem(last=False)
        self._send(NotLent(lending, str(error)))
