"""Writes that outlast a database which is away for a while: hours of training hang on them."""

import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.db import Database

Result = TypeVar("Result")
_PATIENCE_SECONDS = 300.0
_PAUSE_SECONDS = 1.0
_log = structlog.get_logger()


def write_patiently(
    database: Database,
    change: Callable[[Session], Result],
    patience_seconds: float = _PATIENCE_SECONDS,
) -> Result:
    """Carry out `change` in a transaction, again and again while the database is away.

    A commit whose answer was lost is repeated, so `change` must be harmless when it was carried out
    before. `OperationalError` once patience is at its end.
    """
    until = time.monotonic() + patience_seconds
    while True:
        try:
            with database.writing() as session:
                return change(session)
        except OperationalError as error:
            if time.monotonic() >= until:
                raise
            _log.warning("database_away", error=str(error.orig))
            time.sleep(_PAUSE_SECONDS)
