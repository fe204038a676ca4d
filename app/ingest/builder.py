"""A text in the making: pieces are added in reading order, and places noted where they fall."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from app.ingest.errors import LimitExceededError
from app.ingest.limits import LIMITS, Limits
from app.ingest.outline import Heading, PageSpan

_LONGEST_TITLE = 500
_LOWEST_LEVEL = 6
_UNWANTED = re.compile("[\0-\x08\x0b-\x1f\x7f\ud800-\udfff\ufeff\ufffe\uffff]")


class TextBuilder:
    """Collects a document's text, pages and headings."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.limits = limits
        self.length = 0
        """Characters so far."""
        self.left_out: list[str] = []
        """Names of files that hold no text."""
        self._pieces: list[str] = []
        self._pages: list[tuple[str | None, int]] = []
        """Labels and starts; None where pages end."""
        self._headings: list[Heading] = []
        self._outer_level = 0

    def add(self, text: str, gap: str = "\n\n") -> int:
        """Add a paragraph behind a gap, without control characters; returns where it starts."""
        text = clean(text)
        return self.add_verbatim(text, gap) if text else self.length

    def add_verbatim(self, text: str, gap: str = "\n\n") -> int:
        """Add a text as it is behind a gap; returns where it starts."""
        if self.length:
            self._append(gap)
        start = self.length
        self._append(text)
        return start

    def add_heading(self, level: int, title: str) -> None:
        """Add a heading as a paragraph of its own."""
        title = clean(title)
        if title:
            self.note_heading(level, title, self.add(title))

    def note_heading(self, level: int, title: str, start: int) -> None:
        """Note that the text at `start` is a heading."""
        level = min(self._outer_level + level, _LOWEST_LEVEL)
        self._headings.append(Heading(level, clean(title)[:_LONGEST_TITLE], start))

    def note_page(self, label: str = "", start: int | None = None) -> None:
        """Note that a page starts here, or at an offset behind the other pages' starts."""
        shown = clean(label)[:_LONGEST_TITLE]
        self._pages.append((shown, self.length if start is None else start))

    def leave_out(self, name: str) -> None:
        """Note a file that holds no text."""
        self.left_out.append(shown_name(name))

    @contextmanager
    def file(self, name: str) -> Iterator[None]:
        """Put a file of an archive under its name, a heading above its own; nothing if it fails."""
        outer_level, before = self._outer_level, self._extent()
        self.add_heading(1, name)
        self._outer_level += 1
        try:
            yield
        except BaseException:
            self._rewind(*before)
            raise
        finally:
            self._outer_level = outer_level
        if len(self._pages) > before[2]:
            self._pages.append((None, self.length))

    def text(self) -> str:
        """Return all that was added."""
        return "".join(self._pieces)

    def headings(self) -> tuple[Heading, ...]:
        """Return the headings, in order."""
        return tuple(sorted(self._headings, key=lambda heading: heading.start))

    def pages(self, text: str) -> tuple[PageSpan, ...]:
        """Return where the pages of `text` are; each ends where the next one starts."""
        ends = [start for _, start in self._pages[1:]] + [len(text)]
        spans: list[PageSpan] = []
        for (label, start), end in zip(self._pages, ends, strict=False):
            if label is not None:
                spans.append(_span(text, len(spans) + 1, label, start, end))
        return tuple(spans)

    def _extent(self) -> tuple[int, int, int, int]:
        return self.length, len(self._pieces), len(self._pages), len(self._headings)

    def _rewind(self, length: int, num_pieces: int, num_pages: int, num_headings: int) -> None:
        self.length = length
        del self._pieces[num_pieces:], self._pages[num_pages:], self._headings[num_headings:]

    def require_room(self, num_characters: int) -> None:
        """Refuse a text so much longer.

        Raises:
            LimitExceededError
        """
        if self.length + num_characters > self.limits.text_characters:
            raise LimitExceededError(
                "the document is too long: its text has more than the "
                f"{self.limits.text_characters:,} characters allowed; upload it in parts"
            )

    def _append(self, text: str) -> None:
        self.require_room(len(text))
        self.length += len(text)
        self._pieces.append(text)


def shown_name(name: str) -> str:
    """Return a file's name as it shows: no control characters, none that turn the direction."""
    printable = "".join(character for character in name if character.isprintable())
    return printable[:_LONGEST_TITLE] or "unnamed"


def clean(text: str) -> str:
    """Return a paragraph as it is added: offsets into it hold for nothing else."""
    return _UNWANTED.sub("", re.sub("\r\n?", "\n", text)).strip()


def _span(text: str, number: int, label: str, start: int, end: int) -> PageSpan:
    page = text[start:end]
    shown = page.strip()
    start += len(page) - len(page.lstrip()) if shown else len(page)
    return PageSpan(number, label or str(number), start, start + len(shown))
