"""Headings of Markdown, whose text stays as it is written. Blocks only: no inline rule is run."""

import re
from itertools import pairwise

from markdown_it import MarkdownIt

from app.ingest.builder import TextBuilder

_FRONT_MATTER = re.compile(r"\A---\n(?:[^\n]*\n){1,100}?(?:---|\.\.\.)\n")
"""Of which the last field would be a heading, underlined."""
_NOT_NEEDED = ["inline", "linkify", "replacements", "smartquotes", "text_join"]


def write_markdown(builder: TextBuilder, text: str) -> None:
    """Add the text, and note its headings."""
    start = builder.add_verbatim(text)
    reader = MarkdownIt("commonmark").disable(_NOT_NEEDED, ignoreInvalid=True)
    line_starts = _line_starts(text)
    tokens = reader.parse(_FRONT_MATTER.sub(_as_empty_lines, text))
    for opening, content in pairwise(tokens):
        if opening.type == "heading_open" and opening.map and content.content.strip():
            title = " ".join(content.content.split())
            first, behind = (line_starts[line] for line in opening.map)
            place = text.find(content.content.split()[0], first, behind)
            builder.note_heading(int(opening.tag[1]), title, start + max(place, first))


def _as_empty_lines(found: re.Match[str]) -> str:
    return "\n" * found.group().count("\n")


def _line_starts(text: str) -> list[int]:
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    return starts
