"""What a running attempt notes: its stage, its progress, its figures. A stale lease notes nothing."""

import math
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.clock import new_id
from app.jobs import Lease, change_own
from app.lift.observer import QAPair, StepMetrics
from app.models import Document, Event, Job, QAPairRow


def start_stage(
    session: Session, lease: Lease, stage: str, total: int, unit: str, now: datetime
) -> None:
    """Enter a stage that will complete `total` units."""
    change_own(session, lease, stage=stage, completed=0, total=total, unit=unit)
    _add_event(session, lease, "stage", {"stage": stage, "total": total, "unit": unit}, now)


def record_progress(session: Session, lease: Lease, completed: int) -> None:
    """Note how many units of the running stage are done."""
    change_own(session, lease, completed=completed)


def record_parsed(session: Session, lease: Lease, num_characters: int) -> None:
    """Note that the document's text is in the store."""
    _hold(session, lease)
    parsed = update(Document).where(Document.id == _job(session, lease).document_id)
    session.execute(parsed.values(num_characters=num_characters))


def add_metric(session: Session, lease: Lease, metrics: StepMetrics, now: datetime) -> None:
    """Keep one optimiser step's figures; what is not a finite number becomes null."""
    _hold(session, lease)
    figures: dict[str, float] = {
        "step": metrics.step,
        "loss": metrics.loss,
        "gradient_norm": metrics.gradient_norm,
        "learning_rate": metrics.learning_rate,
        "tokens": metrics.tokens,
    }
    data = {name: value if math.isfinite(value) else None for name, value in figures.items()}
    _add_event(session, lease, "metric", data, now)


def add_qa_pair(session: Session, lease: Lease, pair: QAPair) -> None:
    """Keep one question/answer pair."""
    _hold(session, lease)
    session.add(
        QAPairRow(
            id=new_id("qap"),
            document_id=_job(session, lease).document_id,
            job_id=lease.job_id,
            question=pair.question,
            answer=pair.answer,
            evidence=pair.evidence,
            start=pair.start,
        )
    )


def _hold(session: Session, lease: Lease) -> None:
    change_own(session, lease, lease_token=lease.token)


def _job(session: Session, lease: Lease) -> Job:
    return session.scalars(select(Job).where(Job.id == lease.job_id)).one()


def _add_event(
    session: Session, lease: Lease, kind: str, data: dict[str, Any], now: datetime
) -> None:
    attempt = _job(session, lease).attempt
    session.add(Event(job_id=lease.job_id, attempt=attempt, kind=kind, data=data, created_at=now))
