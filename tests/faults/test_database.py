"""The database goes away in the middle of a training, and comes back."""

import os
import signal
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from app.models import Job, JobState
from tests.faults.installation import Installation, installed
from tests.faults.laws import outcome_of
from tests.faults.texts import KINDS

_LEASE_SECONDS = 4.0


def read_jobs(installation: Installation) -> list[Job]:
    with installation.database.reading() as session:
        return list(session.scalars(select(Job).order_by(Job.id)))


def is_back(installation: Installation) -> bool:
    try:
        return bool(read_jobs(installation))
    except OperationalError:
        return False


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["stopped", "killed"])
def test_training_outlasts_an_absence_of_the_database(
    folder: Path, model: Path, how: signal.Signals
) -> None:
    """Away for longer than a lease, it costs no attempt: training goes on without it."""
    with installed(folder, model, postgres=True) as installation:
        undisturbed = installation.upload(KINDS[0].text, KINDS[0].options)
        installation.wait(lambda: read_jobs(installation)[0].state == JobState.READY)
        disturbed = installation.upload(KINDS[0].text, KINDS[0].options)
        installation.wait(lambda: read_jobs(installation)[-1].stage == "train")
        postgres = installation.keeper.services.pop("postgres")
        installation.database.dispose()
        os.kill(postgres.pid, how)
        installation.wait(lambda: not postgres.is_running())
        installation.pause(1.5 * _LEASE_SECONDS)
        installation.keeper.add("postgres", postgres)
        installation.wait(lambda: is_back(installation))
        installation.wait(lambda: read_jobs(installation)[-1].state == JobState.READY)

        assert undisturbed
        assert disturbed
        assert read_jobs(installation)[-1].attempt == 1
        assert outcome_of(installation, disturbed) == outcome_of(installation, undisturbed)
