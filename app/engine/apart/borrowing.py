"""Gets from the API's side what the engine has not kept: texts, and adapters' files."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from queue import SimpleQueue

from app.engine.answerer import AdapterFile, Ask
from app.engine.apart.messages import Lent, NotLent, NotLentError, Returned, WantedFile, WantedText


class Borrower:
    """Borrows for any thread but the one that calls `take`."""

    def __init__(self, send: Callable[[WantedText | WantedFile | Returned], None]) -> None:
        self._send = send
        self._lendings = count()
        self._coming: dict[int, SimpleQueue[Lent | NotLent]] = {}

    def complete(self, number: int, ask: Ask, is_wanted: Callable[[], bool]) -> Ask:
        """Return a question that came over with all that it can call."""
        adapter = ask.adapter and self.complete_file(ask.adapter)
        read_text = partial(self._read_text, number)
        return replace(ask, read_text=read_text, is_wanted=is_wanted, adapter=adapter)

    def complete_file(self, adapter: AdapterFile) -> AdapterFile:
        """Return an adapter that came over, ready to be fetched."""
        return replace(adapter, fetch=partial(self._file, adapter.sha256))

    def take(self, message: Lent | NotLent) -> None:
        """Hand over what has come."""
        self._coming[message.lending].put(message)

    def _read_text(self, number: int) -> str:
        with self._borrowed(WantedText(next(self._lendings), number)) as text:
            assert isinstance(text, str)
            return text

    @contextmanager
    def _file(self, sha256: str) -> Iterator[Path]:
        with self._borrowed(WantedFile(next(self._lendings), sha256)) as path:
            assert isinstance(path, Path)
            yield path

    @contextmanager
    def _borrowed(self, wanted: WantedText | WantedFile) -> Iterator[str | Path]:
        coming = self._coming[wanted.lending] = SimpleQueue()
        try:
            self._send(wanted)
            come = coming.get()
        finally:
            del self._coming[wanted.lending]
        if isinstance(come, NotLent):
            raise NotLentError(come.lending, come.reason)
        try:
            yield come.thing
        finally:
            self._send(Returned(come.lending))
