"""The two consoles that everything is said through, and how an error is said."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from app.client_replies import ClientError

_TABLE_WIDTH = 150
_INTERRUPTED = 130  # as a shell tells it
out = Console()
"""For results."""
err = Console(stderr=True)
"""For errors."""


def for_tables() -> Console:
    """Return the console for wide tables: where no terminal says how wide it is, nothing is cut."""
    return out if out.is_terminal else Console(width=_TABLE_WIDTH)


def fail(message: str) -> typer.Exit:
    """Print one plain line to the error console; raise what comes back to end with status 1."""
    err.print(f"lift: {message}", markup=False, highlight=False, soft_wrap=True)
    return typer.Exit(1)


def interrupted(message: str) -> typer.Exit:
    """Say what Ctrl-C left behind; raise what comes back to end with the status of an interrupt."""
    err.print(f"\n{message}", markup=False, highlight=False, soft_wrap=True)
    return typer.Exit(_INTERRUPTED)


@contextmanager
def client_errors_shown() -> Iterator[None]:
    """Turn what the server refuses into one line and exit status 1."""
    try:
        yield
    except ClientError as error:
        raise fail(" ".join(str(error).split())) from error


@contextmanager
def local_errors_shown(if_interrupted: str) -> Iterator[None]:
    """Turn what a model, a document or a file refuses into one line and exit status 1.

    Ctrl-C says `if_interrupted`.
    """
    from app.evaluation.errors import EvaluationError
    from app.ingest.errors import IngestError
    from app.lift.errors import LiftError
    from app.lift.presets import InvalidOptionError, UnknownPresetError

    refusals = (EvaluationError, IngestError, LiftError, InvalidOptionError, UnknownPresetError)
    try:
        yield
    except (*refusals, OSError) as error:
        raise fail(" ".join(str(error).split())) from error
    except KeyboardInterrupt as error:
        raise interrupted(if_interrupted) from error
