"""What a user does to a document's training: cancel it, try it again, ask for another version.

Each is the same if it is done twice. The session comes first; nobody commits here.
"""

from dataclasses import asdict
from datetime import datetime
from functools import partial

from sqlalchemy.orm import Session

from app import documents, jobs, limits, method_settings
from app.callers import Caller
from app.db import after_commit
from app.documents import Overview
from app.lift.config import MethodConfig
from app.models import Job, JobState
from app.schemas import Relift
from app.storage import Store

_ACTIVE = (JobState.QUEUED, JobState.RUNNING)


def cancel(session: Session, owner: str, document_id: str, now: datetime) -> Overview:
    """End the newest version's training; what is over stays as it is.

    Raises:
        DocumentNotFoundError: its owner has none with this id.
    """
    jobs.cancel(session, documents.hold(session, owner, document_id).job.id, now)
    return _read_again(session, owner, document_id)


def retry(session: Session, caller: Caller, document_id: str, now: datetime) -> Overview:
    """Let the newest version wait again if it failed or was cancelled, to go on where it was.

    Raises:
        DocumentNotFoundError: the caller has none with this id.
        QuotaExceededError: the caller's time for training is used up.
    """
    if jobs.retry(session, documents.hold(session, caller.owner, document_id).job.id, now):
        limits.require_training(session, caller, now)
    return _read_again(session, caller.owner, document_id)


def relift(
    session: Session, store: Store, caller: Caller, document_id: str, wish: Relift, now: datetime
) -> Overview:
    """Queue another version, unless the newest waits or runs with these settings.

    A newest one with other settings is cancelled, and what it left to go on from is deleted.

    Raises:
        ApiError: there is no such document, a preset or option is unknown, or the caller's time for
            training is used up.
    """
    newest = documents.hold(session, caller.owner, document_id).job
    method = _method(newest, wish)
    if newest.state in _ACTIVE and method == MethodConfig(**newest.method):
        return _read_again(session, caller.owner, document_id)
    limits.require_training(session, caller, now)
    jobs.cancel(session, newest.id, now)
    if key := jobs.forget_checkpoint(session, newest.id):
        after_commit(session, partial(store.delete, key))
    jobs.create(
        session,
        document_id,
        wish.preset or newest.preset,
        asdict(method),
        now,
        priority=wish.priority,
        device_kind=wish.device_kind,
    )
    return _read_again(session, caller.owner, document_id)


def _method(newest: Job, wish: Relift) -> MethodConfig:
    if wish.preset is None:
        return method_settings.lay_over(newest.method, wish.options)
    return method_settings.resolve(wish.preset, wish.options)


def _read_again(session: Session, owner: str, document_id: str) -> Overview:
    session.expire_all()  # jobs change by statements that its objects do not hear of
    return documents.get(session, owner, document_id)
