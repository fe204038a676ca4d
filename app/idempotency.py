"""Requests that come twice: what was answered to the first is answered to the second.

A key is reserved before the work begins. What is answered is noted in the transaction of the work,
so that after a kill there are both or neither. A reservation that nobody came back to is void after
a while; whoever made it and lives on after all finds it gone, and its work is undone.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from pydantic import BaseModel
from sqlalchemy import ColumnElement, and_, delete, or_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from starlette.responses import Response

from app.db import Database, after_rollback
from app.errors import IdempotencyKeyInUseError, IdempotencyKeyReusedError
from app.leases import change
from app.models import IdempotencyKey

KEPT_SECONDS: Final = 86_400
"""How long an answer is kept."""
VOID_SECONDS: Final = 120
"""After this long, a request that was never answered counts as lost."""
REPLAYED: Final = "Idempotency-Replayed"


@dataclass(frozen=True, slots=True)
class Keyed:
    """A request under a key of its sender's."""

    owner: str
    key: str
    request_sha256: str
    """Of everything that is asked for."""
    begun_at: datetime
    """Tells this reservation from a later one of the same key."""


class AnsweredBefore(Exception):
    """The request came before; this is what was answered to it."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


class Once:
    """Answers a request in the transaction of its work, for good if the request has a key."""

    def __init__(self, session: Session, keyed: Keyed | None) -> None:
        self._session, self._keyed = session, keyed

    def answer(self, view: BaseModel, status: int = 202, location: str | None = None) -> Response:
        """Return the response, which a second request will get, too.

        Raises:
            IdempotencyKeyInUseError: another request has the key by now; the work is to be undone.
        """
        response = Response(view.model_dump_json(), status, media_type="application/json")
        if location:
            response.headers["Location"] = location
        if self._keyed:
            _remember(self._session, self._keyed, response)
        return response


def begin_once(database: Database, session: Session, keyed: Keyed | None) -> Once:
    """Take the key, if there is one, for a request that is about to be carried out in `session`.

    If the work is refused or fails, the key is given back: the next request is a first one again.

    Raises:
        AnsweredBefore: it was carried out before.
        IdempotencyKeyInUseError: it is being carried out.
        IdempotencyKeyReusedError: the key is another request's.
    """
    if keyed:
        _reserve(database, keyed)
        after_rollback(session, partial(_release, database, keyed))
    return Once(session, keyed)


def sha256_of_request(path: str, asked: Any) -> str:
    """Return the hash of a request; `asked` is JSON of all that its body says."""
    return hashlib.sha256(json.dumps([path, asked], sort_keys=True).encode()).hexdigest()


def sweep(session: Session, now: datetime) -> None:
    """Forget what nobody may ask for again."""
    # Not those of requests that take long: who comes with their key takes it over, or nobody does.
    oldest = now - timedelta(seconds=KEPT_SECONDS)
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < oldest))


def _reserve(database: Database, keyed: Keyed) -> None:
    while True:
        try:
            with database.writing() as session:
                _add_or_refuse(session, keyed)
                return
        except IntegrityError:
            continue  # another one was faster: look at what it has written


def _add_or_refuse(session: Session, keyed: Keyed) -> None:
    named = and_(IdempotencyKey.owner == keyed.owner, IdempotencyKey.key == keyed.key)
    session.execute(delete(IdempotencyKey).where(named, _is_void(keyed.begun_at)))
    row = session.get(IdempotencyKey, (keyed.owner, keyed.key))
    if row is None:
        session.add(
            IdempotencyKey(
                owner=keyed.owner,
                key=keyed.key,
                request_sha256=keyed.request_sha256,
                created_at=keyed.begun_at,
            )
        )
        session.flush()
        return
    if row.request_sha256 != keyed.request_sha256:
        raise IdempotencyKeyReusedError
    if row.status is None or row.response is None:
        raise IdempotencyKeyInUseError
    raise AnsweredBefore(_replay(row.status, row.response))


def _remember(session: Session, keyed: Keyed, response: Response) -> None:
    location = response.headers.get("location")
    answer = {"body": bytes(response.body).decode(), "location": location}
    own = update(IdempotencyKey).where(_is_own(keyed))
    if not change(session, own, status=response.status_code, response=answer):
        raise IdempotencyKeyInUseError


def _replay(status: int, answer: Mapping[str, Any]) -> Response:
    response = Response(answer["body"], status, media_type="application/json")
    if answer["location"]:
        response.headers["Location"] = answer["location"]
    response.headers[REPLAYED] = "true"
    return response


def _release(database: Database, keyed: Keyed) -> None:
    with database.writing() as session:
        session.execute(delete(IdempotencyKey).where(_is_own(keyed)))


def _is_own(keyed: Keyed) -> ColumnElement[bool]:
    return and_(
        IdempotencyKey.owner == keyed.owner,
        IdempotencyKey.key == keyed.key,
        IdempotencyKey.created_at == keyed.begun_at,
        IdempotencyKey.status.is_(None),
    )


def _is_void(now: datetime) -> ColumnElement[bool]:
    oldest_kept = now - timedelta(seconds=KEPT_SECONDS)
    oldest_running = now - timedelta(seconds=VOID_SECONDS)
    lost = and_(IdempotencyKey.status.is_(None), IdempotencyKey.created_at < oldest_running)
    return or_(IdempotencyKey.created_at < oldest_kept, lost)
