"""The order of waiting jobs: priorities, owners in turn, the oldest first; on both databases."""

import threading

from app import jobs
from app.db import Database
from app.job_order import find_next, find_positions
from app.leases import Lease
from tests.rows import MINUTE, NOON, add_job, get_job


def test_oldest_of_one_owner_goes_first(database: Database) -> None:
    """Without priorities and other owners, jobs go in the order of their coming."""
    waiting = [add_job(database) for _ in range(3)]

    assert _served(database) == waiting


def test_owners_take_turns(database: Database) -> None:
    """Whoever sends many documents waits behind the first of whoever sends few."""
    many = [add_job(database, "ann") for _ in range(3)]
    few = [add_job(database, "bob") for _ in range(2)]

    assert _served(database) == [many[0], few[0], many[1], few[1], many[2]]


def test_owner_whose_jobs_run_comes_later(database: Database) -> None:
    """A running job counts as a turn that was had."""
    running = [add_job(database, "ann") for _ in range(2)]
    for _ in running:
        _claim(database)
    waiting = add_job(database, "ann")
    others = [add_job(database, "bob") for _ in range(2)]

    assert _served(database) == [*others, waiting]


def test_owner_whose_last_start_is_longest_ago_goes_first(database: Database) -> None:
    """With nothing running, the turn goes round."""
    ended = add_job(database, "ann")
    lease = _claim(database)
    assert lease.job_id == ended
    with database.writing() as session:
        jobs.cancel(session, ended, NOON)
    again, other = add_job(database, "ann"), add_job(database, "bob")

    assert _served(database) == [other, again]


def test_greater_priority_goes_before_everything(database: Database) -> None:
    """Urgent jobs pass others, and later ones stay behind."""
    low = add_job(database, priority=-1)
    usual = add_job(database)
    urgent = add_job(database, priority=5)

    assert _served(database) == [urgent, usual, low]


def test_worker_gets_jobs_for_its_kind_of_device_only(database: Database) -> None:
    """A job that asks for an accelerator waits for one, and holds nobody up."""
    picky = add_job(database, kind="cuda")
    easy = add_job(database)

    with database.reading() as session:
        found = [find_next(session, kind) for kind in (None, "cuda", "cpu")]
    assert found == [easy, picky, None]


def test_positions_are_the_order_of_service(database: Database) -> None:
    """What a user is shown is the order in which jobs are taken."""
    for owner in ("ann", "ann", "bob", "ann", "cy", "bob"):
        add_job(database, owner)
    with database.reading() as session:
        positions = find_positions(session)

    served = _served(database)

    assert [positions[job_id] for job_id in served] == [1, 2, 3, 4, 5, 6]


def test_positions_of_one_owner_are_the_order_of_service(database: Database) -> None:
    """Where others' jobs only run, it is told in a shorter way, and is the same."""
    ended = add_job(database, "ann")
    _claim(database)
    with database.writing() as session:
        jobs.cancel(session, ended, NOON)
    for owner in ("bob", "ann"):
        add_job(database, owner)
        _claim(database)
    for priority in (0, 3, -2, 0, 3, 0):
        add_job(database, "ann", priority=priority)
    with database.reading() as session:
        positions = find_positions(session)

    served = _served(database)

    assert [positions[job_id] for job_id in served] == [1, 2, 3, 4, 5, 6]


def test_claims_at_the_same_moment_get_different_jobs(database: Database) -> None:
    """Eight workers that ask at once begin eight jobs."""
    waiting = [add_job(database, f"owner {number % 3}") for number in range(8)]
    leases: list[Lease | None] = []
    barrier = threading.Barrier(8)

    def race() -> None:
        barrier.wait()
        with database.writing() as session:
            leases.append(jobs.claim_next(session, None, NOON, MINUTE))

    threads = [threading.Thread(target=race) for _ in waiting]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(lease.job_id for lease in leases if lease) == sorted(waiting)
    assert {get_job(database, job_id).attempt for job_id in waiting} == {1}


def _claim(database: Database) -> Lease:
    with database.writing() as session:
        lease = jobs.claim_next(session, None, NOON, MINUTE)
    assert lease is not None
    return lease


def _served(database: Database) -> list[str]:
    served = []
    with database.reading() as session:
        num_waiting = len(find_positions(session))
    for _ in range(num_waiting):
        served.append(_claim(database).job_id)
    return served
