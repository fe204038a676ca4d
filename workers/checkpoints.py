"""Keeps the state of a running training in the store, so that another attempt can go on from it.

A checkpoint is put into the store, then named in the job's row under the lease, then the one
before is deleted: at every moment the row names a whole file, or none.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app import attempts
from app.db import Database
from app.leases import Lease, LeaseLostError
from app.storage import Store, checkpoint_key
from workers.drain import Drain

_MOST_TIME = 20.0  # times as long as a checkpoint took, training goes on without another one
_log = structlog.get_logger()


class CheckpointKeeper:
    """Takes a checkpoint every few seconds of those that the training offers, and before an end."""

    def __init__(
        self,
        database: Database,
        store: Store,
        lease: Lease,
        name: Callable[[int], str],
        drain: Drain,
        every_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._store, self._lease = database, store, lease
        self._name, self._drain, self._clock = name, drain, clock
        self._every_seconds = every_seconds
        self._due_at = clock() + every_seconds
        self._unnamed: set[str] = set()

    def offer(
        self, step: int, write: Callable[[Path], None], note: Callable[[Session], None]
    ) -> None:
        """Keep the checkpoint if it is time, and end the process if it was asked to.

        `note` writes what else belongs to the steps so far, in the transaction that names the file:
        an attempt that goes on from there tells only what comes behind. What stands in the way
        costs the checkpoint, never the training.

        Raises:
            LeaseLostError: the job is no longer this attempt's.
        """
        if not self._drain.is_asked and self._clock() < self._due_at:
            return
        started = self._clock()
        try:
            self._keep(self._name(step), write, note)
        except OperationalError as error:
            _log.warning("checkpoint_not_kept", step=step, error=str(error.orig))
        except OSError as error:
            _log.warning("checkpoint_not_kept", step=step, error=str(error))
        taken = self._clock() - started
        self._due_at = self._clock() + max(self._every_seconds, _MOST_TIME * taken)
        self._drain.end_if_asked()

    def _keep(
        self, key: str, write: Callable[[Path], None], note: Callable[[Session], None]
    ) -> None:
        with self._store.incoming() as path:
            write(path)
            self._unnamed.add(key)  # until the row is known to name it
            self._store.publish(path, key)
        try:
            with self._database.writing() as session:
                before = attempts.replace_checkpoint(session, self._lease, key)
                note(session)
        except LeaseLostError:
            self._store.delete(key)
            raise
        for old in ({before} | self._unnamed) - {key, None}:
            self._store.delete(str(old))
        self._unnamed.clear()


def checkpoint_name(document_id: str, job_id: str, attempt: int) -> Callable[[int], str]:
    """Return how the checkpoints of one attempt are called, by step: like those of no other."""
    return lambda step: checkpoint_key(document_id, job_id, attempt, step)


@contextmanager
def brought_here(store: Store, key: str | None) -> Iterator[Path | None]:
    """Lend a local copy of a checkpoint; None without one, or if the store has lost it."""
    if key is None:
        yield None
        return
    with store.incoming() as path:
        try:
            with path.open("wb") as file:
                for chunk in store.chunks(key):
                    file.write(chunk)
        except FileNotFoundError:
            _log.warning("checkpoint_gone", key=key)
            path.unlink(missing_ok=True)
        yield path if path.exists() else None
