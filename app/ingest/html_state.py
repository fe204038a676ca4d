"""Where the reading of a page of HTML stands: the paragraph, list and table that are open."""

import re

from app.ingest.builder import TextBuilder

_SPACES = re.compile("[ \t\n\r\f\xa0]+")
_AROUND_BREAKS = re.compile(" *\n *")
_SEVERAL_SPACES = re.compile(" {2,}")
_INDENT = "  "
_CELL_GAP = " | "


class HtmlState:
    """Gathers inline text, and writes it as a paragraph when a block begins or ends."""

    def __init__(self, builder: TextBuilder) -> None:
        self._builder = builder
        self._inline: list[str] = []
        self._pages: list[tuple[str, int]] = []
        """Labels of the pages that begin within the inline text, and the pieces before them."""
        self._verbatim = 0
        self._heading: int | None = None
        self._lists: list[int | None] = []
        """Items so far of each open list; None without numbers."""
        self._item: str | None = None
        """Mark of the item whose first paragraph is still to come."""
        self._tables: list[bool] = []
        """For each open table whether it has rows of data; the others only lay out a page."""
        self._cells: list[str] = []
        self._row_gap = ""

    def add_text(self, text: str) -> None:
        """Add inline text."""
        self._inline.append(text if self._verbatim else _SPACES.sub(" ", text))

    def add_line_break(self) -> None:
        """Begin a new line of the same paragraph."""
        self._inline.append(" " if self._in_data else "\n")

    def note_page(self, label: str) -> None:
        """Note that a page begins at this place of the inline text."""
        if self._in_data:
            self._builder.note_page(label)
        else:
            self._pages.append((label, len(self._inline)))

    def begin_heading(self, level: int) -> None:
        """Begin a heading."""
        self.break_block()
        self._heading = None if self._in_data else level

    def end_heading(self) -> None:
        """End a heading."""
        self.break_block()
        self._heading = None

    def begin_list(self, is_numbered: bool) -> None:
        """Begin a list, perhaps within another."""
        self.break_block()
        self._lists.append(0 if is_numbered else None)

    def end_list(self) -> None:
        """End a list."""
        self.break_block()
        if self._lists:
            self._lists.pop()
        self._item = None

    def begin_item(self) -> None:
        """Begin an item of the innermost list."""
        self.break_block()
        mark = "- "
        if self._lists and self._lists[-1] is not None:
            self._lists[-1] += 1
            mark = f"{self._lists[-1]}. "
        self._item = _INDENT * (len(self._lists) - 1) + mark

    def begin_table(self, is_layout: bool) -> None:
        """Begin a table."""
        self.break_block()
        self._tables.append(not is_layout and not self._in_data)
        self._row_gap = "\n\n"

    def end_table(self) -> None:
        """End a table."""
        self.break_block()
        if self._tables:
            self._tables.pop()

    def begin_row(self) -> None:
        """Begin a row; what stood before it in the table is a paragraph."""
        self.flush()
        self._cells = []

    def end_row(self) -> None:
        """Write a row of data as one line."""
        if not self._in_data:
            self.break_block()
            return
        stray = self._take()
        self._builder.add(_CELL_GAP.join([*self._cells, stray]).rstrip(" |"), self._row_gap)
        self._cells, self._row_gap = [], "\n"

    def begin_cell(self) -> None:
        """Begin a cell."""
        self.break_block()

    def end_cell(self) -> None:
        """End a cell."""
        if self._in_data:
            self._cells.append(self._take())
        else:
            self.break_block()

    def begin_verbatim(self) -> None:
        """Begin a part whose spaces and line ends count."""
        self.break_block()
        self._verbatim += 1

    def end_verbatim(self) -> None:
        """End such a part."""
        self.break_block()
        self._verbatim = max(0, self._verbatim - 1)

    def break_block(self) -> None:
        """End the paragraph; within a row of data there are none."""
        if self._in_data:
            self._inline.append(" ")
        else:
            self.flush()

    def flush(self) -> None:
        """Write the paragraph that is open."""
        pages, inline = self._pages, self._inline
        lengths = [len(self._shown(inline[:num_pieces])) for _, num_pieces in pages]
        text = self._take()
        if self._heading is not None:
            self._builder.add_heading(self._heading, " ".join(text.split()))
            start = self._builder.length - len(text)
        elif self._item is not None and text:
            self._builder.add(self._item.lstrip() + text, "\n" + self._indent())
            start, self._item = self._builder.length - len(text), None
        else:
            start = self._builder.add(text)
        for (label, _), length in zip(pages, lengths, strict=True):
            self._builder.note_page(label, start + length)

    @property
    def _in_data(self) -> bool:
        return bool(self._tables) and self._tables[-1]

    def _indent(self) -> str:
        return _INDENT * max(0, len(self._lists) - 1)

    def _take(self) -> str:
        text = self._shown(self._inline)
        self._inline, self._pages = [], []
        return text

    def _shown(self, pieces: list[str]) -> str:
        text = "".join(pieces)
        if self._verbatim:
            return text.strip("\n")
        return _SEVERAL_SPACES.sub(" ", _AROUND_BREAKS.sub("\n", text)).strip()
