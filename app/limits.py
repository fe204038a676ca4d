"""What the limits of a key allow: room for documents, time for training, questions at once.

The rate of requests is counted elsewhere (`rates`), for it needs no row.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app import training_use
from app.callers import Caller
from app.errors import QuotaExceededError, TooManyAsksError
from app.models import Document


def take_turns(session: Session, owner: str) -> None:
    """Let no other transaction add a document of this owner's until this one has ended.

    Taken before the first row: who holds a row and waits for the turn could be waited for.
    """
    if session.get_bind().dialect.name == "postgresql":  # SQLite has one writer at a time anyway
        turn = text("SELECT pg_advisory_xact_lock(hashtextextended(:owner, 0))")
        session.execute(turn, {"owner": owner})


def require_room(session: Session, caller: Caller, added: Document) -> None:
    """Make sure that its owner has room for a document that this transaction has added.

    Of several uploads at once, each counts those before it: they have taken turns.

    Raises:
        QuotaExceededError: there is no room; the transaction must not be committed.
    """
    limits = caller.limits
    if limits.max_documents is None and limits.max_stored_bytes is None:
        return
    others = select(func.count(), func.coalesce(func.sum(Document.size_bytes), 0)).where(
        Document.owner == caller.owner, Document.id != added.id
    )
    num_documents, num_bytes = session.execute(others).one()
    _require("documents", num_documents, 1, limits.max_documents, _DELETE)
    _require("stored bytes", int(num_bytes), added.size_bytes, limits.max_stored_bytes, _DELETE)


def require_training(session: Session, caller: Caller, now: datetime) -> None:
    """Make sure that more training may be asked for. What was granted before is not taken back.

    Raises:
        QuotaExceededError: the owner's time for it is used up.
    """
    most = caller.limits.max_training_minutes
    if most is not None:
        used = int(training_use.total_seconds(session, caller.owner, now) // 60)
        _require("training minutes", used, 1, most, "time comes back day by day within 30 days")


class Asks:
    """The questions that this process answers at the moment, by key. For its event loop alone."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    @contextmanager
    def held(self, caller: Caller, num_asks: int = 1) -> Iterator[None]:
        """Count questions until they are answered: all of them, or none.

        Raises:
            TooManyAsksError: they are more than the key may ask at the same time.
        """
        who, most = caller.key_id or caller.owner, caller.limits.max_concurrent_asks
        if most is not None and self._open[who] + num_asks > most:
            can_wait = num_asks <= most
            advice = "wait for an answer" if can_wait else f"these are {num_asks}: ask fewer"
            raise TooManyAsksError(
                f"this key may ask {most} questions at the same time; {advice}", limit=most
            )
        self._open[who] += num_asks
        try:
            yield
        finally:
            self._open[who] -= num_asks
            self._open += Counter()  # drops who asks nothing


_DELETE = "delete documents that are of no use any more"


def _require(quota: str, used: int, more: int, most: int | None, advice: str) -> None:
    if most is not None and used + more > most:
        raise QuotaExceededError(
            f"{used} of {most} {quota} are used, and this needs {more}; {advice}, or ask for a "
            "key with more",
            quota=quota.replace(" ", "_"),
            used=used,
            limit=most,
        )
