"""What the rows say of jobs, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from app import attempts, jobs
from app.clock import utc_now
from app.db import Database
from app.lift.observer import StepMetrics
from app.metrics.jobs import JobCollector, read_figures
from app.settings import Settings
from tests.app.metrics.parsed import Parsed, collected
from tests.app.test_totals import CRASH, ENDS
from tests.rows import MINUTE, NOON, add_job, claim

HOUR = timedelta(hours=1)


def scrape(database: Database) -> Parsed:
    with ThreadPoolExecutor(1) as threads:
        return collected(JobCollector(database, threads).collect())


def step(database: Database, lease: object, number: int, loss: float) -> None:
    with database.writing() as session:
        metrics = StepMetrics(number, loss, 1.0, 1e-3, 100)
        attempts.add_metric(session, lease, metrics, NOON)  # type: ignore[arg-type]


def test_jobs_are_counted_by_state_and_stage(database: Database) -> None:
    """States that no job is in are told as 0, so that an alert has something to compare."""
    add_job(database)
    starting, training = (claim(database, add_job(database)) for _ in range(2))
    with database.writing() as session:
        attempts.start_stage(session, training, "train", 9, "steps", NOON)

    told = scrape(database)

    states = {labels["state"] for labels in told.labels("lift_jobs")}
    assert states == {"queued", "running", "ready", "failed", "cancelled"}
    assert told.value("lift_jobs", state="queued") == 1
    assert told.value("lift_jobs", state="failed") == 0
    assert told.value("lift_jobs_running", stage="train") == 1
    assert told.value("lift_jobs_running", stage="starting") == 1
    assert starting != training


def test_age_of_the_queue_is_that_of_the_longest_wait(database: Database) -> None:
    """It begins when a job is queued, and begins anew when it is queued again."""
    first, second = add_job(database), add_job(database)
    lease = claim(database, first)
    with database.writing() as session:
        jobs.fail_attempt(session, lease, CRASH, 3, NOON + MINUTE)

    with database.reading() as session:
        both = read_figures(session, NOON + HOUR).oldest_queued_seconds
    claim(database, second)
    with database.reading() as session:
        again = read_figures(session, NOON + HOUR).oldest_queued_seconds

    assert (both, again) == (3600.0, 3540.0)


def test_age_of_an_empty_queue_is_0(database: Database) -> None:
    """As is that of a job which another machine's clock queued in the future."""
    with database.reading() as session:
        empty = read_figures(session, NOON).oldest_queued_seconds
    add_job(database)
    with database.reading() as session:
        early = read_figures(session, NOON - HOUR).oldest_queued_seconds

    assert (empty, early) == (0.0, 0.0)


def test_losses_are_those_of_jobs_that_run(database: Database) -> None:
    """The newest of each; a job that is over, or a loss that was no number, says nothing."""
    over, first, second = (claim(database, add_job(database)) for _ in range(3))
    step(database, over, 1, 9.0)
    with database.writing() as session:
        ENDS["finish"](session, over)
    step(database, first, 1, 8.0)
    step(database, first, 2, 3.0)
    step(database, second, 1, 1.0)
    two = scrape(database)
    step(database, second, 2, float("nan"))
    one = scrape(database)

    assert two.value("lift_training_last_loss") == 1.0
    assert two.value("lift_training_mean_loss") == 2.0
    assert one.value("lift_training_mean_loss") == 3.0
    assert one.value("lift_training_tokens_total") == 500


def test_no_loss_is_told_while_nothing_trains(database: Database) -> None:
    """A gap in the graph, not a 0."""
    assert "lift_training_last_loss" not in scrape(database).names


def test_what_became_of_jobs_is_told(database: Database) -> None:
    """Ends by outcome, stages with their time, and the time that is charged."""
    lease = claim(database, add_job(database))
    with database.writing() as session:
        attempts.start_stage(session, lease, "train", 9, "steps", NOON)
    with database.writing() as session:
        ENDS["expire"](session, lease)
    lease = claim(database, lease.job_id)
    with database.writing() as session:
        attempts.start_stage(session, lease, "train", 9, "steps", NOON)
        ENDS["finish"](session, lease)

    told = scrape(database)

    assert told.value("lift_job_attempts_begun_total") == 2
    assert told.value("lift_job_attempts_ended_total", outcome="lease_expired") == 1
    assert told.value("lift_job_attempts_ended_total", outcome="ready") == 1
    assert told.value("lift_jobs_ended_total", state="ready") == 1
    assert told.value("lift_jobs_ended_total", state="failed") == 0
    assert told.value("lift_job_stage_duration_seconds_count", stage="train") == 1
    assert told.value("lift_job_stage_duration_seconds_sum", stage="train") == 40.0
    assert told.value("lift_training_seconds_total") == 80.0


def test_database_that_is_away_is_told(settings: Settings) -> None:
    """And nothing that could be taken for its counts."""
    nowhere = Database(f"sqlite:///{settings.data_dir}/no/folder.db")

    told = scrape(nowhere)
    nowhere.dispose()

    assert told.names == {"lift_database_up"}
    assert told.value("lift_database_up") == 0


def test_database_that_says_nothing_holds_up_no_scrape(postgresql: Database) -> None:
    """Nor do those that come meanwhile hold up each other; once it speaks, it is told again."""
    with ThreadPoolExecutor(1) as threads:
        with postgresql.engine.begin() as connection:
            connection.execute(text("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE"))
            hasty = JobCollector(postgresql, threads, seconds=0.2)
            told = [collected(hasty.collect()) for _ in range(2)]
        later = collected(JobCollector(postgresql, threads, seconds=60).collect())

    assert [each.value("lift_database_up") for each in told] == [0, 0]
    assert told[1].names == {"lift_database_up"}
    assert later.value("lift_database_up") == 1


def test_age_is_told_in_seconds(database: Database) -> None:
    """By this machine's clock."""
    add_job(database)  # at a noon to come

    assert utc_now() < NOON
    assert scrape(database).value("lift_oldest_queued_job_age_seconds") == 0


@pytest.mark.parametrize("name", ["finish", "refuse", "cancel"])
def test_job_that_is_over_waits_no_more(database: Database, name: str) -> None:
    """However it ended."""
    lease = claim(database, add_job(database))
    with database.writing() as session:
        ENDS[name](session, lease)

    with database.reading() as session:
        assert read_figures(session, NOON + HOUR).oldest_queued_seconds == 0.0
