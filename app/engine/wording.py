"""What an answer's tokens say to the reader: text, without space around it, up to a stop string.

One object for each answer; a batch has one for each row. Knows no model.
"""

from collections.abc import Sequence
from typing import Any

from app.engine.detokenising import Detokeniser
from app.engine.stopping import StopStrings


class Wording:
    """The text of one answer as its tokens come."""

    def __init__(self, tokenizer: Any, stop: Sequence[str]) -> None:
        self._detokeniser = Detokeniser(tokenizer)
        self._stops = StopStrings(stop)
        self._said: list[str] = []
        self._is_begun = False
        self._space = ""
        """White space that may turn out to be the text's end."""

    @property
    def is_stopped(self) -> bool:
        """Whether a stop string has come."""
        return self._stops.found

    @property
    def text(self) -> str:
        """All that was given out."""
        return "".join(self._said)

    def add(self, token: int) -> str:
        """Take the next token; returns what can be shown now."""
        return self._show(self._detokeniser.add(token))

    def finish(self) -> str:
        """Return what can be shown now that no token will follow."""
        return self._show(self._detokeniser.finish()) + self._without_end(self._stops.finish())

    def _show(self, text: str) -> str:
        text = text if self._is_begun else text.lstrip()
        self._is_begun = self._is_begun or bool(text)
        return self._without_end(self._stops.add(text))

    def _without_end(self, text: str) -> str:
        """Hold back the white space that a text ends with: the answer may end there."""
        text = self._space + text
        shown = text.rstrip()
        self._space = text[len(shown) :]
        self._said.append(shown)
        return shown
