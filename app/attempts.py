"""What a running attempt notes, for its readers and for the attempt that has to go on after it.

A stale lease notes nothing.
"""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from app import events, totals
from app.clock import new_id
from app.leases import Lease, change_own, find_document_id, hold
from app.lift.observer import QAPair, StepMetrics
from app.models import Document, EventKind, Job, QAPairRow
from app.totals import Count, Name


class Left(NamedTuple):
    """What earlier attempts at a job have left."""

    pairs: list[QAPair]
    """In the order in which they were written."""
    pairs_tried: int
    """Places of the text that pairs were asked for."""
    checkpoint_key: str | None
    """Where the store has the state of the training."""


def start_stage(
    session: Session,
    lease: Lease,
    stage: str,
    total: int,
    unit: str,
    now: datetime,
    completed: int = 0,
) -> None:
    """Enter a stage of `total` units, of which an earlier attempt has completed some."""
    hold(session, lease)
    before = totals.stage_ended(session, lease.job_id, now)
    change_own(
        session,
        lease,
        stage=stage,
        completed=completed,
        total=total,
        unit=unit,
        stage_started_at=now,
        stage_start=completed,
    )
    data = {"stage": stage, "total": total, "unit": unit, "completed": completed}
    events.add(session, lease.job_id, EventKind.STAGE, data, now)
    totals.add(session, *before)


def record_progress(session: Session, lease: Lease, completed: int) -> None:
    """Note how many units of the running stage are done."""
    change_own(session, lease, completed=completed)


def record_parsed(session: Session, lease: Lease, num_characters: int) -> None:
    """Note that the document's text is in the store."""
    hold(session, lease)
    parsed = update(Document).where(Document.id == find_document_id(session, lease))
    session.execute(parsed.values(num_characters=num_characters))


def add_metric(session: Session, lease: Lease, metrics: StepMetrics, now: datetime) -> None:
    """Keep one optimiser step's figures; what is not a finite number becomes null."""
    hold(session, lease)
    figures: dict[str, float] = {
        "step": metrics.step,
        "loss": metrics.loss,
        "gradient_norm": metrics.gradient_norm,
        "learning_rate": metrics.learning_rate,
        "tokens": metrics.tokens,
    }
    data = {name: value if math.isfinite(value) else None for name, value in figures.items()}
    events.add(session, lease.job_id, EventKind.METRIC, data, now)
    steps = Count(Name.TRAINING_STEPS, "", 1), Count(Name.TRAINING_TOKENS, "", metrics.tokens)
    totals.add(session, *steps)


def add_log(session: Session, lease: Lease, message: str, now: datetime) -> None:
    """Keep a sentence for the document's owner."""
    hold(session, lease)
    events.add(session, lease.job_id, EventKind.LOG, {"message": message}, now)


def add_pairs(session: Session, lease: Lease, pairs: Sequence[QAPair], num_tried: int) -> None:
    """Keep a batch of question/answer pairs, and how far the text was asked for pairs; once."""
    hold(session, lease)
    if session.scalars(select(Job.pairs_tried).where(Job.id == lease.job_id)).one() >= num_tried:
        return
    change_own(session, lease, pairs_tried=num_tried)
    document_id = find_document_id(session, lease)
    written = select(func.count()).where(QAPairRow.job_id == lease.job_id)
    num_written = session.scalars(written).one()
    session.add_all(
        QAPairRow(
            id=new_id("qap"),
            document_id=document_id,
            job_id=lease.job_id,
            number=number,
            question=pair.question,
            answer=pair.answer,
            evidence=pair.evidence,
            start=pair.start,
            is_held_back=pair.is_held_back,
        )
        for number, pair in enumerate(pairs, start=num_written)
    )


def replace_checkpoint(session: Session, lease: Lease, key: str | None) -> str | None:
    """Name the checkpoint to go on from, None for none; returns the one before."""
    hold(session, lease)
    before = session.scalars(select(Job.checkpoint_key).where(Job.id == lease.job_id)).one()
    change_own(session, lease, checkpoint_key=key)
    return before


def forget_work(session: Session, lease: Lease) -> None:
    """Begin anew: what earlier attempts left is of no use to this one."""
    change_own(session, lease, checkpoint_key=None, pairs_tried=0)
    session.execute(delete(QAPairRow).where(QAPairRow.job_id == lease.job_id))


def settle_start(session: Session, lease: Lease, sha256: str) -> str | None:
    """Note the memory that an attempt starts from, empty for none.

    What earlier attempts left from another start is forgotten: it was of other stretches of the
    text. Returns the key of their checkpoint, of use to nobody now.
    """
    hold(session, lease)
    left = select(Job.start_sha256, Job.checkpoint_key).where(Job.id == lease.job_id)
    before, checkpoint_key = session.execute(left).one()
    change_own(session, lease, start_sha256=sha256)
    if before in (None, sha256):
        return None
    forget_work(session, lease)
    return str(checkpoint_key) if checkpoint_key else None


def find_left(session: Session, lease: Lease) -> Left:
    """Return what earlier attempts at the job have left."""
    job = session.scalars(select(Job).where(Job.id == lease.job_id)).one()
    rows = session.scalars(
        select(QAPairRow).where(QAPairRow.job_id == lease.job_id).order_by(QAPairRow.number)
    )
    pairs = [
        QAPair(row.question, row.answer, row.evidence, row.start, row.is_held_back) for row in rows
    ]
    return Left(pairs, job.pairs_tried, job.checkpoint_key)
