"""The two consoles that everything is said through, and how an error is said."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from app.client import ClientError

out = Console()
"""For results."""
err = Console(stderr=True)
"""For errors."""


def fail(message: str) -> typer.Exit:
    """Print one plain line to the error console; raise what comes back to end with status 1."""
    err.print(f"lift: {message}", markup=False, highlight=False, soft_wrap=True)
    return typer.Exit(1)


@contextmanager
def client_errors_shown() -> Iterator[None]:
    """Turn what the server refuses into one line and exit status 1."""
    try:
        yield
    except ClientError as error:
        raise fail(" ".join(str(error).split())) from error
