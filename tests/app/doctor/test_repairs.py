"""What is mended, what is left to a person, and what a repair leaves alone."""

import pytest

from app.clock import utc_now
from app.doctor.examination import Finding, Trouble
from app.doctor.repairs import ForeignStoreError, repair, require_own
from app.models import JobState
from app.storage import source_key, text_key
from tests.app.doctor.breakages import LOST_FOR_GOOD, MENDABLE
from tests.app.doctor.installation import CONTENT, TEXT, Installation

NEWER = b"learnt later"


def mend(installation: Installation) -> list[str | None]:
    """Repair all that is found; returns what was done."""
    findings = installation.examine().findings
    return [repair_one(installation, finding) for finding in findings]


def repair_one(installation: Installation, finding: Finding) -> str | None:
    """Repair one finding."""
    return repair(installation.database, installation.store, finding, utc_now())


def only_finding(installation: Installation) -> Finding:
    """Return what was found, which is one thing."""
    (finding,) = installation.examine().findings
    return finding


@pytest.mark.parametrize("breakage", MENDABLE)
def test_second_repair_finds_nothing(healthy: Installation, breakage: str) -> None:
    """One repair mends it for good."""
    MENDABLE[breakage](healthy)

    done = mend(healthy)

    assert len(done) == 1
    assert done[0]
    assert healthy.examine().findings == ()


@pytest.mark.parametrize("breakage", LOST_FOR_GOOD)
def test_lost_source_is_left_to_a_person(healthy: Installation, breakage: str) -> None:
    """Nobody can make it anew; rows and memory stay, for the memory still answers."""
    _, key = LOST_FOR_GOOD[breakage](healthy)

    assert mend(healthy) == [None]
    assert only_finding(healthy).key == key
    assert healthy.overview(healthy.ready).adapter is not None


@pytest.mark.parametrize("breakage", [name for name in MENDABLE if "row" in name or "file" in name])
def test_file_without_a_row_is_kept_in_quarantine(healthy: Installation, breakage: str) -> None:
    """It is not destroyed: the rows may have been lost, not the file."""
    _, key = MENDABLE[breakage](healthy)
    content = healthy.store.read(key)

    mend(healthy)

    (kept,) = healthy.stored("quarantine")
    assert kept.endswith(f"Z/{key}")
    assert healthy.store.read(kept) == content
    assert key not in healthy.stored()


@pytest.mark.parametrize("breakage", [name for name in MENDABLE if name.startswith("text ")])
def test_text_is_written_anew_from_the_source(healthy: Installation, breakage: str) -> None:
    """The same text as before, which pairs and memory refer to."""
    MENDABLE[breakage](healthy)

    mend(healthy)

    assert healthy.store.read(text_key(healthy.ready)).decode() == TEXT


@pytest.mark.parametrize("source", [None, b"another text", b"\x00\x01\x02" * 20])
def test_text_without_its_source_is_left_to_a_person(
    healthy: Installation, source: bytes | None
) -> None:
    """A text of another length is not the one that was trained on."""
    healthy.store.delete(text_key(healthy.ready))
    healthy.store.delete(source_key(healthy.ready))
    if source is not None:
        healthy.overwrite(source_key(healthy.ready), source)

    assert mend(healthy) == [None, None]
    assert text_key(healthy.ready) not in healthy.stored()


def test_broken_adapter_is_trained_anew(healthy: Installation) -> None:
    """Its row goes, its file is kept aside, and a job with the same settings waits to be sent."""
    healthy.overwrite(healthy.adapter, b"broken")

    mend(healthy)

    overview = healthy.overview(healthy.ready)
    first, second = healthy.jobs_of(healthy.ready)
    assert overview.adapter is None
    assert (second.state, second.preset, second.method) == (
        JobState.QUEUED,
        first.preset,
        first.method,
    )
    assert second.dispatched_at is None  # the sweeper sends it
    (kept,) = healthy.stored("quarantine")
    assert healthy.store.read(kept) == b"broken"


def test_document_answers_again_once_it_is_trained_anew(healthy: Installation) -> None:
    """The new memory takes the place of the broken one, under the same key if it is the same."""
    healthy.overwrite(healthy.adapter, b"broken")
    mend(healthy)

    key = healthy.finish(healthy.ready, CONTENT)

    assert key == healthy.adapter
    assert healthy.overview(healthy.ready).adapter is not None
    assert healthy.examine().findings == ()


def test_version_before_answers_until_the_new_one_is_there(healthy: Installation) -> None:
    """Of two memories the newer is broken: the older one serves again."""
    healthy.train_again(healthy.ready)
    newest = healthy.finish(healthy.ready, NEWER)
    healthy.overwrite(newest, b"broken")

    mend(healthy)

    overview = healthy.overview(healthy.ready)
    assert overview.adapter is not None
    assert overview.adapter.store_key == healthy.adapter
    assert overview.job.state == JobState.QUEUED


def test_broken_memory_that_nobody_asks_is_not_trained_anew(healthy: Installation) -> None:
    """The document has a newer one, which is whole."""
    healthy.train_again(healthy.ready)
    healthy.finish(healthy.ready, NEWER)
    healthy.overwrite(healthy.adapter, b"broken")

    mend(healthy)

    assert len(healthy.jobs_of(healthy.ready)) == 2
    assert healthy.examine().findings == ()


def test_document_in_training_gets_no_second_job(healthy: Installation) -> None:
    """Its next memory is on its way already."""
    healthy.train_again(healthy.ready)
    healthy.overwrite(healthy.adapter, b"broken")

    mend(healthy)

    assert len(healthy.jobs_of(healthy.ready)) == 2
    assert healthy.overview(healthy.ready).adapter is None


def test_lost_checkpoint_is_forgotten(healthy: Installation) -> None:
    """The running attempt keeps its job; a later one begins anew."""
    healthy.store.delete(healthy.checkpoint)

    mend(healthy)

    (job,) = healthy.jobs_of(healthy.training)
    assert job.checkpoint_key is None
    assert job.state == JobState.RUNNING


@pytest.mark.parametrize(
    "name", [name for name in MENDABLE if "file" not in name and "without" not in name]
)
def test_document_deleted_before_its_repair_leaves_nothing(
    healthy: Installation, name: str
) -> None:
    """A finding may be old by now: no row and no file comes back."""
    MENDABLE[name](healthy)
    finding = only_finding(healthy)
    for document_id in (healthy.ready, healthy.training, healthy.waiting):
        healthy.delete(document_id)

    assert repair_one(healthy, finding) == "gone by now"
    assert healthy.stored("documents") == set()


def test_adapter_that_is_whole_again_stays(healthy: Installation) -> None:
    """Somebody restored it from a backup meanwhile."""
    healthy.overwrite(healthy.adapter, b"broken")
    finding = only_finding(healthy)
    healthy.overwrite(healthy.adapter, CONTENT)

    assert repair_one(healthy, finding) == "whole by now"
    assert healthy.overview(healthy.ready).adapter is not None
    assert len(healthy.jobs_of(healthy.ready)) == 1


def test_file_that_has_a_row_by_now_stays(healthy: Installation) -> None:
    """It was an orphan when it was found, and is an adapter now."""
    healthy.train_again(healthy.ready)
    key = healthy.finish(healthy.ready, NEWER)

    assert repair_one(healthy, Finding(Trouble.ORPHAN, key, None)) == "a row names it by now"
    assert key in healthy.stored()


def test_checkpoint_that_was_replaced_stays(healthy: Installation) -> None:
    """The attempt went on, and its job names a newer one."""
    healthy.store.delete(healthy.checkpoint)
    finding = only_finding(healthy)
    (job,) = healthy.jobs_of(healthy.training)
    with healthy.database.writing() as session:
        session.get_one(type(job), job.id).checkpoint_key = "documents/x/checkpoints/newer"

    repair_one(healthy, finding)

    (job,) = healthy.jobs_of(healthy.training)
    assert job.checkpoint_key == "documents/x/checkpoints/newer"


def test_store_of_another_database_is_not_touched(healthy: Installation) -> None:
    """A slip in a setting must not empty a store."""
    for document_id in (healthy.ready, healthy.training, healthy.waiting):
        with healthy.database.writing() as session:
            session.delete(healthy.overview(document_id).document)

    with pytest.raises(ForeignStoreError, match="LIFT_DATABASE_URL"):
        require_own(healthy.examine())
