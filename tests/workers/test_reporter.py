"""The reporter: few writes, no figure lost, and an end when the lease is gone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, event, select
from sqlalchemy.exc import OperationalError

from app import attempts
from app.db import Database
from app.leases import Lease, LeaseLostError
from app.lift.observer import QAPair, Stage, StepMetrics
from app.models import Document, Event, EventKind, QAPairRow
from app.storage.folder import FolderStore
from tests.rows import claim, get_job
from tests.workers.reporters import reporter_of
from workers import patience
from workers.checkpoints import CheckpointKeeper
from workers.drain import Drain
from workers.reporter import Reporter


@pytest.fixture
def lease(sqlite: Database, job_id: str) -> Lease:
    """The right to write to the job."""
    return claim(sqlite, job_id)


@pytest.fixture
def num_writes(sqlite: Database) -> Iterator[list[None]]:
    """One entry for each transaction that was committed."""
    commits: list[None] = []

    def count(_: object) -> None:
        commits.append(None)

    event.listen(sqlite.engine, "commit", count)
    yield commits
    event.remove(sqlite.engine, "commit", count)


def steps(database: Database) -> list[int]:
    with database.reading() as session:
        metrics = select(Event.data).where(Event.kind == EventKind.METRIC).order_by(Event.id)
        return [data["step"] for data in session.scalars(metrics)]


def metric(step: int) -> StepMetrics:
    return StepMetrics(step, 2.0, 1.0, 1e-3, 100)


def test_many_steps_in_a_moment_cost_few_writes(
    sqlite: Database, lease: Lease, num_writes: list[None]
) -> None:
    """A hundred steps at the same moment are two writes, and no figure is lost."""
    with reporter_of(sqlite, lease, clock=lambda: 100.0) as reporter:
        for step in range(1, 101):
            reporter.step_taken(metric(step))
            reporter.progressed(step)

    assert len(num_writes) == 2
    assert steps(sqlite) == list(range(1, 101))
    assert get_job(sqlite, lease.job_id).completed == 100


def test_slow_steps_are_written_as_they_come(sqlite: Database, lease: Lease) -> None:
    """A step a second is seen at once."""
    clock = iter(range(1000))
    reporter = reporter_of(sqlite, lease, clock=lambda: float(next(clock)))
    reporter.step_taken(metric(1))

    assert steps(sqlite) == [1]


def test_stage_starts_behind_what_belongs_to_the_one_before(sqlite: Database, lease: Lease) -> None:
    """Events stand in the order in which they happened."""
    reporter = reporter_of(sqlite, lease, clock=lambda: 0.0)
    reporter.step_taken(metric(1))
    reporter.step_taken(metric(2))
    reporter.stage_started(Stage.TRAIN, 5, "steps")

    with sqlite.reading() as session:
        kinds = session.scalars(select(Event.kind).order_by(Event.id)).all()
    assert kinds == ["metric", "metric", "stage"]
    assert get_job(sqlite, lease.job_id).stage == "train"


def test_pair_is_written_at_once(sqlite: Database, lease: Lease) -> None:
    """A question/answer pair is in the database when the call returns."""
    reporter_of(sqlite, lease).pairs_written([QAPair("Who?", "Ada.", "Ada wrote it.", 5)], 8)

    with sqlite.reading() as session:
        assert session.scalars(select(QAPairRow.evidence)).one() == "Ada wrote it."


def test_batch_that_is_written_twice_is_there_once(sqlite: Database, lease: Lease) -> None:
    """A commit whose answer was lost may be repeated."""
    reporter = reporter_of(sqlite, lease)
    for _ in range(2):
        reporter.pairs_written([QAPair("Who?", "Ada.", "Ada wrote it.", 5)], 8)

    with sqlite.reading() as session:
        assert len(session.scalars(select(QAPairRow)).all()) == 1


def test_process_that_was_asked_to_end_does_so_at_once_outside_of_training(
    sqlite: Database, lease: Lease
) -> None:
    """Only training has something to save: the wish to end waits for it, and for nothing else."""
    drain = Drain()
    keeper = CheckpointKeeper(sqlite, FolderStore(Path("unused")), lease, str, drain, 1.0)
    reporter = Reporter(sqlite, lease, keeper, drain)
    reporter.stage_started(Stage.TRAIN, 5, "steps")
    drain.ask()

    with pytest.raises(SystemExit):
        reporter.stage_started("measure", 1, "pairs")

    with pytest.raises(SystemExit):
        drain.ask()


def test_figures_of_a_kept_step_are_in_the_rows(
    sqlite: Database, lease: Lease, store: FolderStore
) -> None:
    """An attempt that goes on behind a checkpoint does not tell what came before it."""
    drain = Drain()
    keeper = CheckpointKeeper(sqlite, store, lease, str, drain, 1e-9)
    reporter = Reporter(sqlite, lease, keeper, drain, clock=lambda: 100.0)
    for step in (1, 2, 3):
        reporter.step_taken(metric(step))
    assert steps(sqlite) == [1]

    reporter.checkpoint_offered(3, lambda path: path.touch())

    assert steps(sqlite) == [1, 2, 3]


def test_lost_lease_ends_the_lift(sqlite: Database, lease: Lease) -> None:
    """The next note on a deleted document raises, which is how the method is stopped."""
    with sqlite.writing() as session:
        session.execute(delete(Document))

    with pytest.raises(LeaseLostError):
        reporter_of(sqlite, lease).progressed(1)


def test_database_that_is_away_for_a_moment_loses_no_figure(
    sqlite: Database, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training goes on, and what could not be written comes with the next write."""
    clock = iter(range(1000))
    reporter = reporter_of(sqlite, lease, clock=lambda: float(next(clock)))
    with monkeypatch.context() as broken:
        broken.setattr(attempts, "add_metric", _fail)
        reporter.step_taken(metric(1))
    reporter.step_taken(metric(2))

    assert steps(sqlite) == [1, 2]


def test_pairs_wait_for_a_database_that_is_away(
    sqlite: Database, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What took seconds to make is written when the database is back."""
    failures = iter([True, True])
    real = attempts.add_pairs

    def flaky(*arguments: Any) -> None:
        if next(failures, False):
            _fail()
        real(*arguments)

    monkeypatch.setattr(attempts, "add_pairs", flaky)
    monkeypatch.setattr(patience, "_PAUSE_SECONDS", 0.0)
    reporter_of(sqlite, lease).pairs_written([QAPair("Who?", "Ada.", "Ada wrote it.", 5)], 8)

    with sqlite.reading() as session:
        assert len(session.scalars(select(QAPairRow)).all()) == 1


def _fail(*_: object) -> None:
    raise OperationalError("", None, Exception("it is away"))
