"""The tokens of the documents that were asked last.

A long text takes seconds. It is read with a tokenizer of our own: a question on another document
does not wait for it, and one tokenizer is not safe for several threads at once.
"""

from copy import deepcopy
from threading import Lock
from typing import Any

from app.engine.answerer import Ask
from app.engine.recent import Recent
from app.lift.tokenizing import plain_ids

_KEPT_TEXTS = 64


class Texts:
    """Reads each text once, one after the other. Safe to use from many threads."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer, self._reading = deepcopy(tokenizer), Lock()
        self._tokens: Recent[list[int]] = Recent(_KEPT_TEXTS)

    def tokens(self, ask: Ask) -> list[int]:
        """Return the token ids of a question's document."""
        if tokens := self._tokens.kept(ask.document_id):
            return tokens
        with self._reading:
            return self._tokens.get(
                ask.document_id, lambda: plain_ids(self._tokenizer, ask.read_text())
            )

    def drop(self, document_id: str) -> None:
        """Forget a document's tokens, without waiting for those that are being read."""
        self._tokens.drop(document_id)
