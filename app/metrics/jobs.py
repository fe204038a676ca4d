"""What the database says of jobs, asked at each scrape: the rows are the truth, of all processes.

So each replica of the API tells the same: take the greatest, not the sum.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, NamedTuple

from prometheus_client import Metric
from prometheus_client.core import SummaryMetricFamily
from sqlalchemy import Select, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app import totals
from app.clock import utc_now
from app.db import Database
from app.metrics.families import counter, counters, gauge, gauges
from app.models import Event, EventKind, Job, JobState, TrainingUse
from app.totals import AttemptEnd, Name

_PATIENCE_SECONDS = 8.0  # with the engine's two, less than a scrape may take


class JobFigures(NamedTuple):
    """What is read at one time."""

    states: Mapping[str, int]
    stages: Mapping[str, int]
    """Running jobs by stage."""
    oldest_queued_seconds: float
    """0 if none waits."""
    losses: list[float]
    """The newest of each running job that trains, the latest first."""
    training_seconds: float
    totals: Mapping[Name, dict[str, float]]


class JobCollector:
    """Reads one database, in a thread: one that is frozen or cut off holds that up for a minute
    or for ever, and no scrape.
    """

    def __init__(
        self, database: Database, threads: ThreadPoolExecutor, seconds: float = _PATIENCE_SECONDS
    ) -> None:
        self._database, self._threads, self._seconds = database, threads, seconds

    def collect(self) -> Iterator[Metric]:
        """Give what the rows say; while the database is away, only that."""
        figures = None
        reading = self._threads.submit(self._read)
        try:
            figures = reading.result(self._seconds)
        except (SQLAlchemyError, TimeoutError):  # `lift_database_up` tells
            reading.cancel()  # if it waits behind another that still hangs
        yield gauge("lift_database_up", "Whether the database answers.", figures is not None)
        if figures:
            yield from _now(figures)
            yield from _so_far(figures)

    def _read(self) -> JobFigures:
        with self._database.reading() as session:
            return read_figures(session, utc_now())


def read_figures(session: Session, now: datetime) -> JobFigures:
    """Read all that is told of jobs."""
    by_state = select(Job.state, func.count()).group_by(Job.state)
    by_stage = select(Job.stage, func.count()).where(Job.state == JobState.RUNNING)
    queued_at = select(func.min(Job.queued_at)).where(Job.state == JobState.QUEUED)
    oldest = session.scalar(queued_at)
    return JobFigures(
        states={state.value: 0 for state in JobState} | _numbers(session, by_state),
        stages=_numbers(session, by_stage.group_by(Job.stage)),
        oldest_queued_seconds=max(0.0, (now - oldest).total_seconds()) if oldest else 0.0,
        losses=_losses(session),
        training_seconds=session.scalar(select(func.sum(TrainingUse.seconds))) or 0.0,
        totals=totals.read(session),
    )


def _numbers(session: Session, grouped: Select[Any, int]) -> dict[str, int]:
    return {key or "starting": num for key, num in session.execute(grouped)}


def _losses(session: Session) -> list[float]:
    newest = (
        select(func.max(Event.id))
        .join(Job, Job.id == Event.job_id)
        .where(Job.state == JobState.RUNNING, Event.kind == EventKind.METRIC)
        .group_by(Event.job_id)
    )
    told = select(Event.data).where(Event.id.in_(newest)).order_by(Event.id.desc())
    losses = [data["loss"] for data in session.scalars(told)]
    return [loss for loss in losses if loss is not None]  # one that was no number


def _now(figures: JobFigures) -> Iterator[Metric]:
    yield gauges("lift_jobs", "Jobs by state, of all versions.", "state", figures.states)
    yield gauges("lift_jobs_running", "Running jobs by stage.", "stage", figures.stages)
    yield gauge(
        "lift_oldest_queued_job_age_seconds",
        "For how long the job waits that has waited longest; 0 without one.",
        figures.oldest_queued_seconds,
    )
    if figures.losses:
        yield gauge(
            "lift_training_last_loss",
            "Loss of the optimiser step that was told last, of jobs that run; nats a token.",
            figures.losses[0],
        )
        yield gauge(
            "lift_training_mean_loss",
            "Mean of the running jobs' newest losses; nats a token.",
            sum(figures.losses) / len(figures.losses),
        )


def _so_far(figures: JobFigures) -> Iterator[Metric]:
    counted = figures.totals
    yield counter(
        "lift_job_attempts_begun",
        "Attempts at jobs that workers began.",
        counted[Name.ATTEMPTS_BEGUN].get("", 0.0),
    )
    yield counters(
        "lift_job_attempts_ended",
        "Attempts that ended, by how; `lease_expired` is a worker that vanished.",
        "outcome",
        {end.value: 0.0 for end in AttemptEnd} | counted[Name.ATTEMPTS_ENDED],
    )
    over = (JobState.READY, JobState.FAILED, JobState.CANCELLED)
    yield counters(
        "lift_jobs_ended",
        "Jobs that ended, by their state then; one that is tried again ends again.",
        "state",
        {state.value: 0.0 for state in over} | counted[Name.JOBS_ENDED],
    )
    stages = SummaryMetricFamily(
        "lift_job_stage_duration_seconds",
        "Time in stages that were gone through.",
        labels=["stage"],
    )
    for stage, num in counted[Name.STAGES_ENDED].items():
        stages.add_metric([stage], int(num), counted[Name.STAGE_SECONDS].get(stage, 0.0))
    yield stages
    yield counter(
        "lift_training_tokens",
        "Tokens that trainings processed, steps that were taken twice included.",
        counted[Name.TRAINING_TOKENS].get("", 0.0),
    )
    yield counter(
        "lift_training_steps", "Optimiser steps.", counted[Name.TRAINING_STEPS].get("", 0.0)
    )
    yield counter(
        "lift_training_seconds",
        "Time of ended attempts, as it is charged to their owners.",
        figures.training_seconds,
    )
