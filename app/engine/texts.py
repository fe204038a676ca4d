"""The tokens of the documents that were asked last.

A long text takes seconds. It is read with a tokenizer of our own: a question on a document that was
read does not wait for it, and one tokenizer is not safe for several threads at once.
"""

from copy import deepcopy
from threading import Lock
from typing import Any
from weakref import WeakValueDictionary

from app.engine.answerer import Ask
from app.engine.errors import EngineFailedError
from app.engine.recent import Recent
from app.lift.tokenizing import plain_ids

_KEPT_TOKENS = 4_000_000  # some 150 MB as Python holds them
_LOOK_SECONDS = 0.2


class Texts:
    """Reads each text once, however many want it. Safe to use from many threads."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer, self._tokenizing = deepcopy(tokenizer), Lock()
        self._tokens: Recent[list[int]] = Recent(_KEPT_TOKENS)
        self._changing = Lock()
        self._reading: WeakValueDictionary[str, Lock] = WeakValueDictionary()
        """By document, as long as somebody reads its text or waits for it."""

    def tokens(self, ask: Ask) -> list[int]:
        """Return the token ids of a question's document."""
        if tokens := self._tokens.kept(ask.document_id):
            return tokens
        with self._changing:
            reading = self._reading.setdefault(ask.document_id, Lock())
        while not reading.acquire(timeout=_LOOK_SECONDS):
            if not ask.is_wanted():
                raise EngineFailedError("nobody waits for the answer any more")
        try:
            return self._tokens.get(ask.document_id, lambda: self._read(ask))
        finally:
            reading.release()

    def drop(self, document_id: str) -> None:
        """Forget a document's tokens, without waiting for those that are being read."""
        self._tokens.drop(document_id)

    def _read(self, ask: Ask) -> list[int]:
        text = ask.read_text()
        with self._tokenizing:
            return plain_ids(self._tokenizer, text)
