"""Events: read in their order, page by page, and thinned for a curve; on both databases."""

from sqlalchemy.orm import Session

from app import attempts, events, jobs
from app.db import Database
from app.leases import Lease
from app.lift.observer import StepMetrics
from app.models import Job
from tests.rows import NOON, add_job, claim, get_job


def test_events_are_read_behind_the_last_one_known(database: Database) -> None:
    """Page after page gives each event of the document once, in order, and no other's."""
    job_id, other = add_job(database), add_job(database)
    lease, other_lease = claim(database, job_id), claim(database, other)
    for number in range(5):
        with database.writing() as session:
            attempts.add_log(session, lease, str(number), NOON)
            attempts.add_log(session, other_lease, "other", NOON)
    document_id = get_job(database, job_id).document_id

    read, after = [], 0
    while page := _after(database, document_id, after, 2):
        read += page
        after = page[-1][0]

    assert [message for _, message in read] == ["0", "1", "2", "3", "4"]
    assert [number for number, _ in read] == sorted(number for number, _ in read)


def test_curve_has_each_step_once_as_it_was_taken_last(database: Database) -> None:
    """A resumed attempt may take steps again: the curve shows no step twice."""
    job_id = add_job(database)
    lease = claim(database, job_id)
    with database.writing() as session:
        for step, loss in ((1, 5.0), (2, 4.0), (3, 3.5), (2, 4.5), (3, 3.0), (4, 2.0)):
            _add_step(session, lease, step, loss)

    with database.reading() as session:
        curve = events.metrics(session, session.get_one(Job, job_id))

    assert [(point.data["step"], point.data["loss"]) for point in curve] == [
        (1, 5.0),
        (2, 4.5),
        (3, 3.0),
        (4, 2.0),
    ]


def test_long_curve_is_thinned_with_both_its_ends(database: Database) -> None:
    """A thousand steps become as many as a curve can show."""
    job_id = add_job(database)
    lease = claim(database, job_id)
    with database.writing() as session:
        for step in range(1, 1001):
            _add_step(session, lease, step, 1.0)

    with database.reading() as session:
        curve = events.metrics(session, session.get_one(Job, job_id))

    assert (len(curve), curve[0].data["step"], curve[-1].data["step"]) == (500, 1, 1000)


def test_events_of_all_versions_stay_in_one_line(database: Database) -> None:
    """A retried job goes on telling behind what it told before."""
    job_id = add_job(database)
    with database.writing() as session:
        jobs.cancel(session, job_id, NOON)
    with database.writing() as session:
        jobs.retry(session, job_id, NOON)
    with database.writing() as session:
        jobs.cancel(session, job_id, NOON)

    with database.reading() as session:
        told = events.find_after(session, get_job(database, job_id).document_id, 0, 10)

    assert [event.kind for event in told] == ["done", "log", "done"]


def _add_step(session: Session, lease: Lease, step: int, loss: float) -> None:
    attempts.add_metric(session, lease, StepMetrics(step, loss, 0.1, 1e-3, 10), NOON)


def _after(database: Database, document_id: str, after: int, limit: int) -> list[tuple[int, str]]:
    with database.reading() as session:
        page = events.find_after(session, document_id, after, limit)
        return [(event.id, event.data["message"]) for event in page]
