"""What is shown of a document's rows: the time that is left, the place in the queue."""

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from app.document_views import ProgressView
from app.models import Job, JobState
from tests.rows import NOON


def running(completed: int, stage_start: int) -> Job:
    """Return a job that entered a stage of 100 units at noon."""
    return Job(
        state=JobState.RUNNING,
        completed=completed,
        total=100,
        unit="steps",
        stage_started_at=NOON,
        stage_start=stage_start,
    )


@pytest.mark.parametrize(
    ("completed", "stage_start", "elapsed_seconds", "eta_seconds"),
    [
        (10, 0, 20.0, 180.0),
        (60, 50, 20.0, 80.0),  # resumed: fifty were done before
        (100, 0, 20.0, 0.0),
        (0, 0, 20.0, None),
        (50, 50, 20.0, None),
        (10, 0, -1.0, None),  # the worker's clock is ahead of ours
    ],
)
def test_time_left_is_told_from_what_this_attempt_did(
    completed: int, stage_start: int, elapsed_seconds: float, eta_seconds: float | None
) -> None:
    """The stage goes on at the speed since it was entered; without any there is no telling."""
    now = NOON + timedelta(seconds=elapsed_seconds)

    progress = ProgressView.of(running(completed, stage_start), now)

    assert progress is not None
    assert progress.eta_seconds == eta_seconds


@pytest.mark.parametrize(
    "state", [JobState.QUEUED, JobState.READY, JobState.FAILED, JobState.CANCELLED]
)
def test_what_does_not_run_has_no_time_left(state: JobState) -> None:
    """A job that stopped in the middle will not end by itself."""
    job = running(10, 0)
    job.state = state

    progress = ProgressView.of(job, NOON + timedelta(seconds=20))

    assert progress is not None
    assert progress.eta_seconds is None


def test_queue_is_counted_by_priority_and_age(client: TestClient) -> None:
    """Places go from 1; a greater priority passes those that came earlier."""
    ids = [
        client.post("/documents", json={"text": text, "priority": priority}).json()["id"]
        for text, priority in (("a", 0), ("b", 0), ("c", 5))
    ]

    listed = {
        each["id"]: each["queue_position"] for each in client.get("/documents").json()["data"]
    }
    alone = [client.get(f"/documents/{each}").json()["queue_position"] for each in ids]

    assert alone == [2, 3, 1]
    assert [listed[each] for each in ids] == alone
