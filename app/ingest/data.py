"""JSON and JSON Lines as an outline of names and values, without quotes and escapes.

Numbers are as they were written, members in their order, also those of the same name.
"""

import json
from collections.abc import Iterator
from typing import Any

from app.ingest.builder import TextBuilder
from app.ingest.errors import LimitExceededError

_INDENT = "  "


class _Members(list[tuple[str, Any]]):
    """An object's members."""


def read_json(text: str) -> Any:
    """Return what `write_json` takes.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is nested too deeply.
    """
    return json.loads(
        text, object_pairs_hook=_Members, parse_int=str, parse_float=str, parse_constant=str
    )


def read_json_lines(text: str) -> list[Any]:
    """Return what `write_json` takes for each line.

    Raises:
        ValueError: a line is no JSON.
    """
    return [read_json(line) for line in text.splitlines() if line.strip()]


def write_json(builder: TextBuilder, value: Any) -> None:
    """Add a value as an outline.

    Raises:
        LimitExceededError: it is nested too deeply, or too long.
    """
    gap = "\n\n"
    for line in _lines(value, builder.limits.element_nesting):
        if line.strip():
            _add_line(builder, line, gap)
            gap = "\n"


def _add_line(builder: TextBuilder, line: str, gap: str) -> None:
    shown = line.lstrip(" ")
    builder.add(shown, gap + line[: len(line) - len(shown)])


def _lines(value: Any, depth: int) -> Iterator[str]:
    if depth == 0:
        raise LimitExceededError("the JSON is nested more deeply than is allowed; flatten it")
    if isinstance(value, _Members):
        for name, member in value:
            yield from _member(f"{name}:", member, depth)
    elif isinstance(value, list):
        for item in value:
            yield from _member("-", item, depth)
    else:
        yield _scalar(value)


def _member(name: str, value: Any, depth: int) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{name} {_scalar(value)}"
    else:
        yield name
        for line in _lines(value, depth - 1):
            yield _INDENT + line


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "null" if value is None else str(value).lower()
