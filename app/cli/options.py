"""Options that several commands have; a method's are `--option key=value`, repeated."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from app.cli.console import fail

Options = Annotated[
    list[str] | None,
    typer.Option(help="One method setting, as key=value; may be repeated."),
]
DocumentId = Annotated[str, typer.Argument(metavar="ID", show_default=False)]
Preset = Annotated[str | None, typer.Option(help="Named method settings.")]
Priority = Annotated[
    int, typer.Option(min=-100, max=100, help="Of all that wait, the greatest go first.")
]
Wait = Annotated[bool, typer.Option(help="Stay until the document is ready.")]


def read_options(given: Sequence[str] | None) -> dict[str, Any]:
    """Return the settings that were given; a value is JSON, and what is none is a string."""
    return dict(_key_and_value(text) for text in given or ())


def _key_and_value(text: str) -> tuple[str, Any]:
    key, separator, value = text.partition("=")
    if not (key and separator):
        raise fail(f"--option takes key=value, not {text!r}")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value
