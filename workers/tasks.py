"""The one task: see one job through one attempt. The message carries the job's id only."""

import sys

from app.db import Database
from app.dispatch import TRAIN_DOCUMENT
from app.settings import Settings
from workers.celery import app
from workers.supervisor import supervise


def trainer_command(job_id: str) -> list[str]:
    """Return the command that trains one job's document."""
    return [sys.executable, "-P", "-m", "workers.trainer", job_id]


@app.task(name=TRAIN_DOCUMENT)
def train_document(job_id: str) -> None:
    """Train the document of a job, unless another worker does or the job is over."""
    settings = Settings()
    database = Database(settings.resolved_database_url)
    try:
        supervise(database, settings, job_id, trainer_command(job_id))
    finally:
        database.dispose()
