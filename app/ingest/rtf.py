"""RTF: its paragraphs; it names no headings."""

import re

from striprtf.striprtf import rtf_to_text

from app.ingest.builder import TextBuilder
from app.ingest.nesting import refuse_deep_groups

_CELL_ON_A_LINE = re.compile(r"\n\s*\|")
_ROW = re.compile(r"[^|]*\|(?:[^|]*\|)*\s*")


def write_rtf(builder: TextBuilder, data: bytes) -> None:
    """Add a document's paragraphs, and each row of a table as one line.

    Raises:
        LimitExceededError: its groups are nested too deeply, or it is too long.
    """
    refuse_deep_groups(data, builder.limits.element_nesting)
    text = rtf_to_text(data.decode("cp1252", "replace"), errors="replace")
    is_row = False
    for line in _CELL_ON_A_LINE.sub("|", text).split("\n"):
        was_row, is_row = is_row, _ROW.fullmatch(line) is not None
        cells = [" ".join(cell.split()) for cell in line.split("|")] if is_row else [line]
        builder.add(" | ".join(cells).rstrip(" |"), "\n" if was_row and is_row else "\n\n")
