"""Writes what the method tells into the database, under the lease.

A few writes a second at most: figures and progress in between wait for the next one.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

import structlog
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app import attempts
from app.clock import utc_now
from app.db import Database, after_commit
from app.leases import Lease, LeaseLostError
from app.lift.observer import QAPair, Stage, StepMetrics
from app.tracing.stages import StageSpans
from workers.checkpoints import CheckpointKeeper
from workers.drain import Drain
from workers.patience import write_patiently

_SECONDS_BETWEEN_WRITES = 0.5
_log = structlog.get_logger()


class Reporter:
    """The method's observer. Its calls raise `LeaseLostError` once the lease is not valid."""

    def __init__(
        self,
        database: Database,
        lease: Lease,
        keeper: CheckpointKeeper,
        drain: Drain,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._lease, self._clock = database, lease, clock
        self._keeper, self._drain = keeper, drain
        self._completed: int | None = None
        self._metrics: list[StepMetrics] = []
        self._written_at = -_SECONDS_BETWEEN_WRITES
        self._stages = StageSpans()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error_type: type[BaseException] | None, *_: object) -> None:
        """Write what waits; an error that is on its way out matters more than one met here."""
        self._stages.end()
        ignored = (LeaseLostError, OperationalError) if error_type else ()
        with suppress(*ignored):
            self._flush_patiently()

    def stage_started(self, stage: str, total: int, unit: str, completed: int = 0) -> None:
        """Write at once that a stage begins, behind all that belongs to the one before."""
        self._drain.wait_for_saving(waits=stage == Stage.TRAIN)
        self._stages.begin(stage)
        _log.info("stage_started", stage=stage, total=total, unit=unit)
        self._flush_patiently()
        write_patiently(
            self._database,
            lambda session: attempts.start_stage(
                session, self._lease, stage, total, unit, utc_now(), completed
            ),
        )

    def progressed(self, completed: int) -> None:
        """Note how many units of the stage are done."""
        self._completed = completed
        self._write_if_due()

    def pairs_written(self, pairs: Sequence[QAPair], num_tried: int) -> None:
        """Write question/answer pairs at once: each batch has taken seconds to make."""
        write_patiently(
            self._database,
            lambda session: attempts.add_pairs(session, self._lease, pairs, num_tried),
        )

    def step_taken(self, metrics: StepMetrics) -> None:
        """Note an optimiser step's figures."""
        self._metrics.append(metrics)
        self._write_if_due()

    def checkpoint_offered(self, step: int, write: Callable[[Path], None]) -> None:
        """Leave it to the keeper; the figures so far are written with what it keeps."""
        self._keeper.offer(step, write, self._write)

    def told(self, message: str) -> None:
        """Write a sentence for the document's owner at once."""
        write_patiently(
            self._database,
            lambda session: attempts.add_log(session, self._lease, message, utc_now()),
        )

    def _flush_patiently(self) -> None:
        if self._completed is not None or self._metrics:
            write_patiently(self._database, self._write)

    def _write(self, session: Session) -> None:
        if self._completed is not None:
            attempts.record_progress(session, self._lease, self._completed)
        for metrics in self._metrics:
            attempts.add_metric(session, self._lease, metrics, utc_now())
        after_commit(session, self._forget)

    def _forget(self) -> None:
        self._completed, self._metrics = None, []

    def _write_if_due(self) -> None:
        if self._clock() - self._written_at < _SECONDS_BETWEEN_WRITES:
            return
        self._written_at = self._clock()
        try:
            with self._database.writing() as session:
                self._write(session)
        except OperationalError as error:
            # Training goes on without the database; what waits is written when it is back.
            _log.warning("report_delayed", job_id=self._lease.job_id, error=str(error.orig))
