"""Documents over HTTP: where their training stands, and what they answer from."""

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from app import documents, events
from app.conditional import weak_tag
from app.documents import Overview
from app.models import Event, Job, JobState
from app.pairs import QualityView


class ProgressView(BaseModel):
    """How far the running stage is."""

    completed: int
    total: int
    unit: str
    eta_seconds: float | None = Field(
        description="Time until the stage's end, at the speed so far; null unless the job runs and "
        "something of the stage was done"
    )

    @classmethod
    def of(cls, job: Job, now: datetime) -> Self | None:
        """Return the progress of a job, None before its first stage."""
        if job.completed is None or job.total is None or job.unit is None:
            return None
        eta_seconds = _eta_seconds(job, job.completed, job.total, now)
        return cls(completed=job.completed, total=job.total, unit=job.unit, eta_seconds=eta_seconds)


class FailureView(BaseModel):
    """Why the last attempt failed."""

    code: str
    detail: str
    retryable: bool

    @classmethod
    def of(cls, job: Job) -> Self | None:
        """Return the failure of a job's last attempt."""
        if job.error_code is None or job.error is None:
            return None
        return cls(code=job.error_code, detail=job.error, retryable=bool(job.retryable))


class AdapterView(BaseModel):
    """The file that holds a document's memory."""

    version: int = Field(description="The version that was trained to it")
    sha256: str
    size_bytes: int
    created_at: datetime

    @classmethod
    def of(cls, overview: Overview) -> Self | None:
        """Return what a document answers from, None without a memory."""
        adapter, job = overview.adapter, overview.answering
        if adapter is None or job is None:
            return None
        return cls(
            version=job.version,
            sha256=adapter.sha256,
            size_bytes=adapter.size_bytes,
            created_at=adapter.created_at,
        )


class LossPoint(BaseModel):
    """The training loss of one optimiser step, in nats per token."""

    step: int
    loss: float


class DocumentView(BaseModel):
    """A document and where the training of its newest version stands."""

    id: str
    title: str
    filename: str | None = Field(
        description="Last part of the name it was uploaded under; null for text"
    )
    status: JobState = Field(description="Of the newest version")
    stage: str | None = Field(description="An open set: a newer server may know more stages")
    progress: ProgressView | None
    queue_position: int | None = Field(
        description="Place among all that wait, from 1; null unless queued"
    )
    attempt: int = Field(description="Attempts begun so far")
    error: FailureView | None
    size_bytes: int
    num_tokens: int | None
    version: int = Field(description="Of the newest version; counts from 1, each relift adds one")
    preset: str
    priority: int
    device_kind: str | None = Field(description="The kind of device that it waits for; null: any")
    starts_from: str | None = Field(
        description="The document of which it is a changed text; it may be gone since"
    )
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    adapter: AdapterView | None = Field(
        description="What it answers from, whatever becomes of newer versions"
    )

    @classmethod
    def of(cls, overview: Overview, now: datetime) -> Self:
        """Show a document's rows as they are at this moment."""
        return cls(**_document_fields(overview, now))


class DocumentDetail(DocumentView):
    """A document with the newest version's settings and loss curve, and its memory's quality."""

    method: dict[str, Any] = Field(description="All settings of the method, as they were resolved")
    quality: QualityView | None = Field(description="null without an adapter that was measured")
    losses: list[LossPoint]

    @classmethod
    def read(cls, session: Session, owner: str, document_id: str, now: datetime) -> Self:
        """Look at one document.

        Raises:
            DocumentNotFoundError: its owner has none with this id.
        """
        overview = documents.get(session, owner, document_id)
        return cls.of_metrics(overview, events.metrics(session, overview.job), now)

    @property
    def tag(self) -> str:
        """The entity tag: it changes with all but the time that is left, which time changes."""
        return weak_tag(self, {"progress": {"eta_seconds"}})

    @classmethod
    def of_metrics(cls, overview: Overview, metrics: list[Event], now: datetime) -> Self:
        """Show a document's rows; a step whose loss was no number is left out of the curve."""
        points = [
            LossPoint(step=metric.data["step"], loss=metric.data["loss"])
            for metric in metrics
            if metric.data["loss"] is not None
        ]
        return cls(
            **_document_fields(overview, now),
            method=overview.job.method,
            quality=QualityView.of(overview.adapter),
            losses=points,
        )


class DocumentPage(BaseModel):
    """Some documents, the newest first."""

    data: list[DocumentView]
    next_cursor: str | None
    has_more: bool


def _eta_seconds(job: Job, completed: int, total: int, now: datetime) -> float | None:
    if job.state != JobState.RUNNING or job.stage_started_at is None or job.stage_start is None:
        return None
    num_done = completed - job.stage_start
    elapsed_seconds = (now - job.stage_started_at).total_seconds()
    if num_done <= 0 or elapsed_seconds < 0:  # another machine's clock may be ahead of ours
        return None
    return elapsed_seconds / num_done * (total - completed)


def _document_fields(overview: Overview, now: datetime) -> dict[str, Any]:
    document, job = overview.document, overview.job
    return {
        "id": document.id,
        "title": document.title,
        "filename": document.filename,
        "status": job.state,
        "stage": job.stage,
        "progress": ProgressView.of(job, now),
        "queue_position": overview.queue_position,
        "attempt": job.attempt,
        "error": FailureView.of(job),
        "size_bytes": document.size_bytes,
        "num_tokens": document.num_tokens,
        "version": job.version,
        "preset": job.preset,
        "priority": job.priority,
        "device_kind": job.device_kind,
        "starts_from": document.starts_from,
        "created_at": document.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "adapter": AdapterView.of(overview),
    }
