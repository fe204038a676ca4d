"""The one task: see a job through one attempt. The message carries an id only."""

import os
import sys

from celery.signals import worker_process_shutdown

from app.db import Database
from app.dispatch import TRAIN_DOCUMENT
from app.logs import is_for_people
from app.settings import Settings
from app.storage import open_store
from app.tracing import flush_traces
from workers.celery import app
from workers.devices import own_device
from workers.supervisor import supervise
from workers.warm import WarmTrainer

TRAINER = [sys.executable, "-P", "-m", "workers.trainer"]
"""The command that starts a trainer's process."""


class _Kept:
    """What a process of the pool keeps between its tasks."""

    def __init__(self) -> None:
        self.settings = Settings()
        self.database = Database(self.settings.resolved_database_url)
        self.store = open_store(self.settings)
        device = own_device(self.settings.training_devices)
        # A trainer's stderr is our pipe: it cannot see who reads it.
        form = "text" if is_for_people(self.settings.log_format) else "json"
        self.trainers = WarmTrainer(TRAINER, {"LIFT_DEVICE": device, "LIFT_LOG_FORMAT": form})


_kept: dict[int, _Kept] = {}
"""By process: what was made before a fork is the parent's."""


@app.task(name=TRAIN_DOCUMENT)
def train_document(job_id: str) -> None:
    """Train the document that is next where this job waits, if one does."""
    kept = _kept.get(os.getpid()) or _kept.setdefault(os.getpid(), _Kept())
    supervise(kept.database, kept.store, kept.settings, job_id, kept.trainers)


@worker_process_shutdown.connect
def _stop_trainer(**_: object) -> None:
    if kept := _kept.pop(os.getpid(), None):
        kept.trainers.stop()
        kept.database.dispose()
    flush_traces()
