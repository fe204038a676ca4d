"""Where an answer ends before the model ends it: at the first stop string. Knows text only.

Of several, the one counts that is complete first, however the text was cut into pieces.
"""

from collections.abc import Sequence


class StopStrings:
    """Looks for stop strings in a text that comes in pieces.

    Of what could still become one, no more is held back than that.
    """

    def __init__(self, strings: Sequence[str]) -> None:
        self._strings = tuple(strings)
        self._held = ""
        self.found = False
        """Whether a stop string has come: nothing is given out any more."""

    def add(self, text: str) -> str:
        """Take the next piece; returns what certainly stands before all stop strings."""
        if self.found:
            return ""
        text = self._held + text
        places = [(text.find(stop), stop) for stop in self._strings if stop in text]
        if places:
            self.found, self._held = True, ""
            _, start = min((start + len(stop), start) for start, stop in places)
            return text[:start]
        num_held = self._num_held(text)
        self._held = text[len(text) - num_held :]
        return text[: len(text) - num_held]

    def finish(self) -> str:
        """Return what was held back: no stop string came of it."""
        text, self._held = self._held, ""
        return text

    def _num_held(self, text: str) -> int:
        """Return the length of the longest end of a text that a stop string begins with."""
        longest = max(map(len, self._strings), default=1) - 1
        lengths = range(min(longest, len(text)), 0, -1)
        ends = (n for n in lengths if any(stop.startswith(text[-n:]) for stop in self._strings))
        return next(ends, 0)
