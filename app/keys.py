"""API keys: made, listed, revoked, recognised. A key is shown once; only its hash is kept."""

import hashlib
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import select, union_all, update
from sqlalchemy.orm import Session

from app.callers import Caller, Limits, Scope
from app.clock import new_id
from app.errors import KeyNotFoundError, OwnerTakenError, UnauthenticatedError
from app.key_views import KeyWish
from app.leases import change
from app.models import ApiKey, Document
from app.settings import Settings

_SECRET = re.compile(r"lift_[0-9a-f]{64}")
_INVALID = 'Bearer error="invalid_token"'
_USE_STEP = timedelta(minutes=1)


class NewKey(NamedTuple):
    """A key that was made a moment ago."""

    row: ApiKey
    secret: str
    """The key itself, which nobody can show again."""


def create(session: Session, wish: KeyWish, now: datetime) -> NewKey:
    """Make a key.

    Raises:
        OwnerTakenError: no owner was named, and there is one of the key's name already.
    """
    if wish.owner is None and _is_known(session, wish.name):
        raise OwnerTakenError(
            f"an owner {wish.name!r} has documents or keys already; name the owner to share them, "
            "or choose another name"
        )
    secret = f"lift_{secrets.token_hex(32)}"
    row = ApiKey(
        id=new_id("key"),
        name=wish.name,
        owner=wish.owner or wish.name,
        scopes=sorted(wish.scopes),
        secret_sha256=_hash(secret),
        limits=wish.limits.set_ones(),
        created_at=now,
        expires_at=wish.expires_days and now + timedelta(days=wish.expires_days),
    )
    session.add(row)
    session.flush()
    return NewKey(row, secret)


def find_all(session: Session) -> Sequence[ApiKey]:
    """Return all keys, the oldest first, also those that are of no use any more."""
    return session.scalars(select(ApiKey).order_by(ApiKey.id)).all()


def revoke(session: Session, key_id: str, now: datetime) -> ApiKey:
    """End a key at once, for every process; one that was revoked stays as it is.

    Raises:
        KeyNotFoundError: there is none with this id.
    """
    own = update(ApiKey).where(ApiKey.id == key_id)
    change(session, own.where(ApiKey.revoked_at.is_(None)), revoked_at=now)
    session.expire_all()
    row = session.get(ApiKey, key_id)
    if row is None:
        raise KeyNotFoundError(f"there is no key {key_id!r}")
    return row


def find(session: Session, authorization: str | None, now: datetime) -> ApiKey:
    """Return the key that a request carries.

    Only who has a key hears that it was revoked or has expired.

    Raises:
        UnauthenticatedError: there is none, or it is none that may be used.
    """
    row = session.scalar(select(ApiKey).where(ApiKey.secret_sha256 == _hash(_read(authorization))))
    if row is None:
        raise UnauthenticatedError("this server knows no such API key", _INVALID)
    if row.revoked_at is not None:
        raise UnauthenticatedError(f"the API key {row.id} was revoked", _INVALID)
    if row.expires_at is not None and row.expires_at <= now:
        raise UnauthenticatedError(f"the API key {row.id} has expired", _INVALID)
    return row


def caller_of(row: ApiKey, settings: Settings) -> Caller:
    """Return who calls with a key."""
    scopes = frozenset(Scope(scope) for scope in row.scopes)
    return Caller(row.owner, scopes, row.id, Limits.of(settings, row.limits))


def is_use_noted(row: ApiKey, now: datetime) -> bool:
    """Say whether it is written down that a key was used within the last minute."""
    return row.last_used_at is not None and row.last_used_at > now - _USE_STEP


def note_use(session: Session, key_id: str, now: datetime) -> None:
    """Write down that a key is used."""
    change(session, update(ApiKey).where(ApiKey.id == key_id), last_used_at=now)


def _is_known(session: Session, owner: str) -> bool:
    documents = select(Document.owner).where(Document.owner == owner)
    return (
        session.scalar(
            union_all(documents, select(ApiKey.owner).where(ApiKey.owner == owner)).limit(1)
        )
        is not None
    )


def _read(authorization: str | None) -> str:
    if authorization is None:
        raise UnauthenticatedError
    scheme, _, secret = authorization.partition(" ")
    if scheme.lower() != "bearer" or not _SECRET.fullmatch(secret := secret.strip()):
        raise UnauthenticatedError(
            "the Authorization header must be `Bearer` and an API key: lift_ and 64 digits and "
            "letters",
            _INVALID,
        )
    return secret


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
