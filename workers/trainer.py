"""The trainer's process: `python -m workers.trainer REPORT_FD`.

Each line on standard input is a lease to work on and names for the logs, as JSON; a byte on the
descriptor REPORT_FD says that the attempt has ended and that this process can take another. The
base model stays loaded in between. After anything unusual the process ends instead, and the next
one starts from a clean slate: an error that was written as the attempt's end, an exception,
SIGTERM. It also ends when nothing has come for a while, to free what the base model holds. It alone
imports torch.
"""

import gc
import json
import os
import select
import sys
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError

from app.db import Database
from app.leases import Lease
from app.logs import configure_logging
from app.settings import Settings
from app.storage import open_store
from app.tracing import configure_tracing, flush_traces
from workers.attempt import Parts, run_attempt
from workers.drain import Drain
from workers.origin import carried_on

if TYPE_CHECKING:
    from app.lift.base_model import BaseModel

_MOST_ATTEMPTS = 100  # memory that a library has lost comes back with the next process


def main() -> None:
    """Work on leases until one has failed or no more come."""
    drain, settings = Drain(), Settings()
    configure_logging(form=settings.log_format)
    configure_tracing("trainer")
    drain.install()
    database = Database(settings.resolved_database_url)
    parts = Parts(database, open_store(settings), settings, _KeptBase(), drain)
    try:
        for _ in range(_MOST_ATTEMPTS):
            work = _next_work(settings.trainer_idle_seconds)
            if work is None or not _attempt(parts, work):
                return
            gc.collect()
            os.write(int(sys.argv[1]), b".")
            flush_traces()
    except DBAPIError as error:
        # The reason that a user sees is the last line: without SQLAlchemy's own last line.
        raise SystemExit(f"the database refused: {error.orig}") from error
    finally:
        database.dispose()


class _KeptBase:
    """Loads the base model once."""

    def __init__(self) -> None:
        self._base: BaseModel | None = None

    def __call__(self, settings: Settings) -> "BaseModel":
        if self._base is None:
            from app.lift.base_model import load_base_model

            self._base = load_base_model(**settings.base_model)
        return self._base


def _next_work(idle_seconds: float) -> dict[str, Any] | None:
    ready, _, _ = select.select([sys.stdin], [], [], idle_seconds)
    line = sys.stdin.readline() if ready else ""
    work: dict[str, Any] | None = json.loads(line) if line else None
    return work


def _attempt(parts: Parts, work: dict[str, Any]) -> bool:
    with carried_on(work["names"]):
        return run_attempt(parts, Lease(**work["lease"]))


if __name__ == "__main__":
    main()
