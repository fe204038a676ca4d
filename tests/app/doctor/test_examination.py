"""What is found, and what is not: the server goes on while it is examined."""

from datetime import timedelta
from io import BytesIO

import pytest

from app.clock import utc_now
from app.db import Database
from app.doctor.examination import examine
from app.storage import Store, adapter_key
from tests.app.doctor.breakages import LOST_FOR_GOOD, MENDABLE
from tests.app.doctor.installation import CONTENT, TEXT, Installation

ALL = LOST_FOR_GOOD | MENDABLE


def test_healthy_installation_has_no_findings(healthy: Installation) -> None:
    """Ready, training or waiting, with a checkpoint or without: all is as it should be."""
    report = healthy.examine()

    assert report.findings == ()
    assert report.num_files == 3 + 2 + 1 + 1  # sources, texts, an adapter, a checkpoint
    assert report.num_bytes == 5 * len(TEXT) + len(CONTENT) + len(b"so far")
    assert (report.num_young, report.is_foreign) == (0, False)


@pytest.mark.parametrize("breakage", ALL)
def test_breakage_is_found_and_nothing_else(healthy: Installation, breakage: str) -> None:
    """Each is named by its key, with what is wrong."""
    trouble, key = ALL[breakage](healthy)

    report = healthy.examine()

    assert [(finding.trouble, finding.key) for finding in report.findings] == [(trouble, key)]


@pytest.mark.parametrize("breakage", ALL)
def test_breakage_in_a_bucket_is_found(sqlite: Database, s3_store: Store, breakage: str) -> None:
    """The store may be of the other kind."""
    installation = Installation(sqlite, s3_store)
    installation.fill()
    sound = installation.examine().findings
    trouble, key = ALL[breakage](installation)

    report = installation.examine()

    assert sound == ()
    assert [(finding.trouble, finding.key) for finding in report.findings] == [(trouble, key)]


def test_all_breakages_at_once_are_found(healthy: Installation) -> None:
    """One finding hides no other."""
    together = (
        "source missing",
        "text truncated",
        "adapter empty",
        "checkpoint missing",
        "adapter without a row",
        "document without a row",
        "temporary file",
    )
    expected = {ALL[name](healthy) for name in together}

    report = healthy.examine()

    assert {(finding.trouble, finding.key) for finding in report.findings} == expected


def test_young_file_without_a_row_may_be_under_way(healthy: Installation) -> None:
    """For an hour it is counted, but is no finding."""
    key = adapter_key(healthy.ready, "f" * 64)
    healthy.overwrite(key, b"to be named in a moment")

    young = examine(healthy.database, healthy.store, utc_now() + timedelta(minutes=59))
    old = examine(healthy.database, healthy.store, utc_now() + timedelta(minutes=61))

    assert (young.findings, young.num_young) == ((), 1)
    assert ([finding.key for finding in old.findings], old.num_young) == ([key], 0)


def test_document_deleted_meanwhile_is_no_finding(healthy: Installation) -> None:
    """Its files and rows were there at the beginning, and are both gone at the end."""
    left = {healthy.ready, healthy.training}

    def delete(*_: int) -> None:
        while left:
            healthy.delete(left.pop())

    report = examine(healthy.database, healthy.store, utc_now() + timedelta(hours=2), delete)

    assert report.findings == ()


def test_adapter_published_meanwhile_is_no_finding(healthy: Installation) -> None:
    """A file that was there without a row, which came a moment later, is in order."""
    content = b"new"
    healthy.train_again(healthy.ready)
    healthy.store.put(adapter_key(healthy.ready, "e" * 64), BytesIO(b"an orphan all along"))
    finished: list[str] = []

    class Store:
        """The store, in which an adapter's file lies before its row is committed."""

        def __getattr__(self, name: str) -> object:
            return getattr(healthy.store, name)

        def list(self, prefix: str) -> object:
            if not finished:
                finished.append(healthy.finish(healthy.ready, content))
            return healthy.store.list(prefix)

    report = examine(healthy.database, Store(), utc_now() + timedelta(hours=2))  # type: ignore[arg-type]

    assert [finding.key for finding in report.findings] == [adapter_key(healthy.ready, "e" * 64)]


def test_progress_ends_with_everything_read(healthy: Installation) -> None:
    """Bytes grow up to the total."""
    told: list[tuple[int, int]] = []

    report = examine(
        healthy.database, healthy.store, utc_now(), lambda done, total: told.append((done, total))
    )

    assert told == sorted(told)
    assert told[-1] == (report.num_bytes, report.num_bytes)


def test_store_of_another_database_is_noticed(healthy: Installation) -> None:
    """Documents in the store, and none of them known."""
    for document_id in (healthy.ready, healthy.training, healthy.waiting):
        with healthy.database.writing() as session:
            session.delete(healthy.overview(document_id).document)

    assert healthy.examine().is_foreign


def test_quarantine_is_no_finding(healthy: Installation) -> None:
    """What was set aside once is not found again."""
    healthy.overwrite("quarantine/20300101T120000Z/documents/doc_x/source", b"x")

    assert healthy.examine().findings == ()
