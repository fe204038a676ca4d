"""Checkpoints of an attempt: kept when due, never half, never another attempt's."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app import attempts, jobs
from app.db import Database
from app.leases import Lease, LeaseLostError
from app.storage.folder import FolderStore
from tests.rows import NOON, claim, get_job
from workers.checkpoints import CheckpointKeeper, brought_here, checkpoint_name
from workers.drain import Drain


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time, in seconds."""
        return self.now


@pytest.fixture
def lease(sqlite: Database, job_id: str) -> Lease:
    """The right to write to the job."""
    return claim(sqlite, job_id)


@pytest.fixture
def clock() -> Clock:
    """Stands at 0."""
    return Clock()


@pytest.fixture
def keeper(sqlite: Database, store: FolderStore, lease: Lease, clock: Clock) -> CheckpointKeeper:
    """Keeps a checkpoint every 5 seconds."""
    return CheckpointKeeper(sqlite, store, lease, str, Drain(), 5.0, clock)


def writing(content: bytes) -> Callable[[Path], None]:
    return lambda path: swallow(path.write_bytes(content))


def swallow(_: object) -> None:
    """Turn a value into none."""


def nothing(_: Session) -> None:
    """Note nothing beside a checkpoint."""


def keys(store: FolderStore) -> list[str]:
    return sorted(path.name for path in store.path("").iterdir() if path.is_file())


def test_checkpoint_is_kept_when_it_is_due(
    sqlite: Database, store: FolderStore, lease: Lease, keeper: CheckpointKeeper, clock: Clock
) -> None:
    """Of offers every 2 seconds, the first behind each 5 are taken; only the last is kept."""
    for step in range(1, 9):
        clock.now += 2.0
        keeper.offer(step, writing(b"state"), nothing)

    assert get_job(sqlite, lease.job_id).checkpoint_key == "6"
    assert keys(store) == ["6"]


def test_checkpoint_that_takes_long_is_taken_seldom(
    sqlite: Database, lease: Lease, keeper: CheckpointKeeper, clock: Clock
) -> None:
    """Writing costs a twentieth of the training at most."""

    def write(path: Path) -> None:
        clock.now += 3.0
        path.write_bytes(b"state")

    taken = []
    for step in range(1, 101):
        clock.now += 1.0
        keeper.offer(step, write, nothing)
        taken.append(get_job(sqlite, lease.job_id).checkpoint_key)

    assert sorted(set(taken) - {None}, key=lambda key: int(key or 0)) == ["5", "65"]


def test_attempt_that_lost_its_job_leaves_no_checkpoint(
    sqlite: Database, store: FolderStore, lease: Lease, keeper: CheckpointKeeper, clock: Clock
) -> None:
    """What another attempt goes on from is not touched."""
    with sqlite.writing() as session:
        jobs.cancel(session, lease.job_id, NOON)
    clock.now = 6.0

    with pytest.raises(LeaseLostError):
        keeper.offer(1, writing(b"state"), nothing)

    assert keys(store) == []


def test_full_disk_costs_the_checkpoint_only(
    sqlite: Database, store: FolderStore, lease: Lease, keeper: CheckpointKeeper, clock: Clock
) -> None:
    """Training goes on, the one before stays, and the next one is tried as usual."""

    def fail(_: Path) -> None:
        raise OSError(28, "No space left on device")

    clock.now = 6.0
    keeper.offer(1, writing(b"state"), nothing)
    clock.now = 12.0
    keeper.offer(2, fail, nothing)
    before = get_job(sqlite, lease.job_id).checkpoint_key
    clock.now = 18.0
    keeper.offer(3, writing(b"state"), nothing)

    assert (before, get_job(sqlite, lease.job_id).checkpoint_key) == ("1", "3")
    assert keys(store) == ["3"]


def test_database_that_was_away_leaves_no_file_behind(
    sqlite: Database,
    store: FolderStore,
    keeper: CheckpointKeeper,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file that the row could not name goes with the next one that it does name."""

    def fail(*_: object) -> None:
        raise OperationalError("", None, Exception("it is away"))

    clock.now = 6.0
    with monkeypatch.context() as broken:
        broken.setattr(attempts, "replace_checkpoint", fail)
        keeper.offer(1, writing(b"state"), nothing)
    clock.now = 12.0
    keeper.offer(2, writing(b"state"), nothing)

    assert keys(store) == ["2"]


def test_process_that_has_to_end_keeps_its_last_step(
    sqlite: Database, store: FolderStore, lease: Lease
) -> None:
    """A checkpoint that is not due yet is taken before the end."""
    drain = Drain()
    drain.wait_for_saving(waits=True)
    drain.ask()

    with pytest.raises(SystemExit):
        CheckpointKeeper(sqlite, store, lease, str, drain, 100.0).offer(
            7, writing(b"state"), nothing
        )

    assert get_job(sqlite, lease.job_id).checkpoint_key == "7"
    assert keys(store) == ["7"]


def test_names_differ_between_attempts() -> None:
    """A stale attempt cannot overwrite what another one relies on."""
    names = {
        checkpoint_name("doc_1", "job_1", attempt)(step) for attempt in (1, 2) for step in (1, 2)
    }

    assert len(names) == 4


def test_checkpoint_that_the_store_has_lost_is_none(store: FolderStore) -> None:
    """A training without its checkpoint begins anew instead of failing."""
    with brought_here(store, "documents/d/checkpoints/gone") as path:
        assert path is None


def test_checkpoint_is_lent_as_a_file_of_its_own(store: FolderStore) -> None:
    """Deleting the stored one while it is read changes nothing, and the copy goes at the end."""
    with store.incoming() as made:
        made.write_bytes(b"state")
        store.publish(made, "key")

    with brought_here(store, "key") as path:
        store.delete("key")
        assert path is not None
        content = path.read_bytes()

    assert content == b"state"
    assert not path.exists()
