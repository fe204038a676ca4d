"""Clocks that are set an hour ahead or back while a job runs."""

import os
import signal
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from app.models import Job, JobState
from tests.faults.installation import Installation, installed
from tests.faults.laws import outcome_of
from tests.faults.texts import KINDS

_HOUR = 3600
_API = [sys.executable, "-m", "tests.faults.shifted", "tests.faults.api"]
_WORKER = [sys.executable, "-m", "tests.faults.shifted", "tests.faults.worker", "real"]


def newest(installation: Installation) -> Job:
    with installation.database.reading() as session:
        return session.scalars(select(Job).order_by(Job.created_at.desc()).limit(1)).one()


@pytest.mark.parametrize("jump", [_HOUR, -_HOUR], ids=["ahead", "back"])
@pytest.mark.parametrize("whose", ["api", "worker"])
def test_clock_that_jumps_costs_no_attempt(
    folder: Path, model: Path, whose: str, jump: int
) -> None:
    """One machine's clock jumps while a job trains: the worker that is alive keeps it."""
    clocks = {name: folder / f"{name}.clock" for name in ("api", "worker")}
    for clock in clocks.values():
        clock.write_text("0")
    with installed(
        folder, model, num_workers=0, api=_API, FAULTS_CLOCK=str(clocks["api"])
    ) as installation:
        installation.add("worker1", _WORKER, FAULTS_CLOCK=str(clocks["worker"]))
        document_id = installation.upload(KINDS[0].text, KINDS[0].options)
        installation.wait(lambda: newest(installation).stage == "train")
        clocks[whose].write_text(str(jump))
        installation.wait(lambda: newest(installation).state == JobState.READY)

        assert document_id
        assert newest(installation).attempt == 1
        outcome_of(installation, document_id)


def test_worker_that_dies_behind_a_jump_is_missed_as_soon_as_ever(
    folder: Path, model: Path
) -> None:
    """Its lease was to end in an hour by the clock as it was; the job waits seconds."""
    clock = folder / "clock"
    clock.write_text(str(_HOUR))
    with installed(folder, model, num_workers=0, api=_API, FAULTS_CLOCK=str(clock)) as installation:
        installation.add("worker1", _WORKER)
        document_id = installation.upload(KINDS[0].text, KINDS[0].options)
        installation.wait(lambda: newest(installation).stage == "train")
        os.kill(installation.service("worker1").pid, signal.SIGKILL)
        clock.write_text("0")
        installation.wait(lambda: newest(installation).state == JobState.READY)

        assert document_id
        assert newest(installation).attempt == 2
        outcome_of(installation, document_id)
