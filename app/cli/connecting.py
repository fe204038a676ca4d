"""Which server a command talks to."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from app.cli.console import client_errors_shown
from app.cli.environment import read_settings
from app.client import Client

Url = Annotated[str | None, typer.Option(help="The server; LIFT_URL by default.")]


@contextmanager
def connected(url: str | None) -> Iterator[Client]:
    """Give a client of the server at `url`, or of the one in the settings, with the key there."""
    settings = read_settings()
    key = settings.api_key.get_secret_value().strip() if settings.api_key else None
    with client_errors_shown(), Client(url or settings.url, key) as client:
        yield client
