"""Writes what the method tells into the database, under the lease.

A few writes a second at most: figures and progress in between wait for the next one.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Self

import structlog
from sqlalchemy.exc import OperationalError

from app import attempts
from app.clock import utc_now
from app.db import Database
from app.jobs import Lease, LeaseLostError
from app.lift.observer import QAPair, StepMetrics

_SECONDS_BETWEEN_WRITES = 0.5
_log = structlog.get_logger()


class Reporter:
    """The method's observer. Its calls raise `LeaseLostError` once the lease is not valid."""

    def __init__(
        self, database: Database, lease: Lease, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database, self._lease, self._clock = database, lease, clock
        self._completed: int | None = None
        self._metrics: list[StepMetrics] = []
        self._written_at = -_SECONDS_BETWEEN_WRITES

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error_type: type[BaseException] | None, *_: object) -> None:
        """Write what waits; an error that is on its way out matters more than one met here."""
        ignored = (LeaseLostError, OperationalError) if error_type else ()
        with suppress(*ignored):
            self.flush()

    def stage_started(self, stage: str, total: int, unit: str) -> None:
        """Write at once that a stage begins, behind all that belongs to the one before."""
        self.flush()
        with self._database.writing() as session:
            attempts.start_stage(session, self._lease, stage, total, unit, utc_now())

    def progressed(self, completed: int) -> None:
        """Note how many units of the stage are done."""
        self._completed = completed
        self._write_if_due()

    def qa_pair_written(self, pair: QAPair) -> None:
        """Write a question/answer pair at once: each has taken seconds to make."""
        with self._database.writing() as session:
            attempts.add_qa_pair(session, self._lease, pair)

    def step_taken(self, metrics: StepMetrics) -> None:
        """Note an optimiser step's figures."""
        self._metrics.append(metrics)
        self._write_if_due()

    def flush(self) -> None:
        """Write all that waits."""
        if self._completed is None and not self._metrics:
            return
        with self._database.writing() as session:
            if self._completed is not None:
                attempts.record_progress(session, self._lease, self._completed)
            for metrics in self._metrics:
                attempts.add_metric(session, self._lease, metrics, utc_now())
        self._completed, self._metrics = None, []

    def _write_if_due(self) -> None:
        if self._clock() - self._written_at < _SECONDS_BETWEEN_WRITES:
            return
        self._written_at = self._clock()
        try:
            self.flush()
        except OperationalError as error:
            # Training goes on without the database; what waits is written when it is back.
            _log.warning("report_delayed", job_id=self._lease.job_id, error=str(error.orig))
