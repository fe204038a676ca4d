"""CSV: a line for each row, in which each cell stands behind its column's name."""

import csv
from collections.abc import Iterator
from io import StringIO

from app.ingest.builder import TextBuilder
from app.ingest.errors import LimitExceededError

_DELIMITERS = ",;\t|"
_SAMPLE_LINES = 20
_FEWEST_ROWS = 5
_FEWEST_COLUMNS = 3
_LONGEST_CELL = 200


def write_table(builder: TextBuilder, text: str) -> None:
    """Add the rows.

    Raises:
        LimitExceededError: a cell is longer than allowed, as in a file without line ends.
    """
    most = builder.limits.cell_characters
    csv.field_size_limit(most)
    try:
        for line in _lines(csv.reader(StringIO(text), delimiter=_delimiter(text))):
            builder.add(line, "\n")
    except csv.Error as error:
        raise LimitExceededError(
            f"a cell of the table is longer than the {most:,} characters allowed; is there a "
            "quotation mark or a line end too few?"
        ) from error


def is_table(text: str) -> bool:
    """Tell a table from prose: several rows of as many short cells, not set like a sentence."""
    delimiter = _delimiter(text)
    rows = _sample(text, delimiter)
    widths = {len(row) for row in rows}
    if len(rows) < _FEWEST_ROWS or len(widths) > 1 or max(widths) < _FEWEST_COLUMNS:
        return False
    cells = [cell for row in rows for cell in row[1:]]
    num_spaced = sum(cell.startswith(" ") for cell in cells)
    return num_spaced * 2 < len(cells) and all(len(cell) < _LONGEST_CELL for cell in cells)


def _lines(rows: Iterator[list[str]]) -> Iterator[str]:
    first = next(rows, [])
    names = [cell.strip() for cell in first]
    if not _are_names(names):
        yield ", ".join(names)
        names = []
    for row in rows:
        cells = [" ".join(cell.split()) for cell in row]
        if len(cells) > len(names):
            yield ", ".join(filter(None, cells))
        else:
            pairs = zip(names, cells, strict=False)
            yield "; ".join(f"{name}: {cell}" for name, cell in pairs if cell)


def _are_names(cells: list[str]) -> bool:
    """Tell column names: there are several, all different, none a number."""
    is_complete = len(cells) > 1 and all(cells) and len(set(cells)) == len(cells)
    return is_complete and not any(_is_number(cell) for cell in cells)


def _is_number(cell: str) -> bool:
    return cell.strip("-+€$%").replace(".", "").replace(",", "").isdigit()


def _delimiter(text: str) -> str:
    """Return the delimiter that cuts the first rows into the most columns of the same number."""
    return max(_DELIMITERS, key=lambda delimiter: _width(_sample(text, delimiter)))


def _width(rows: list[list[str]]) -> float:
    widths = [len(row) for row in rows] or [0]
    return min(widths) + 0.001 * max(widths)


def _sample(text: str, delimiter: str) -> list[list[str]]:
    opening = text[: 64 * 1024].splitlines(keepends=True)[:_SAMPLE_LINES]
    try:
        rows = list(csv.reader(opening, delimiter=delimiter))
    except csv.Error:
        return []
    return [row for row in rows if row]
