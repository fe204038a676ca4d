"""The tables. Rows only: what may change a job's state stands in `app.jobs`."""

from app.models.base import Base, UtcDateTime
from app.models.callers import ApiKey, IdempotencyKey, TrainingUse
from app.models.documents import LOCAL_OWNER, Adapter, Document, QAPairRow
from app.models.jobs import Event, EventKind, Job, JobState, Total

__all__ = [
    "LOCAL_OWNER",
    "Adapter",
    "ApiKey",
    "Base",
    "Document",
    "Event",
    "EventKind",
    "IdempotencyKey",
    "Job",
    "JobState",
    "QAPairRow",
    "Total",
    "TrainingUse",
    "UtcDateTime",
]
