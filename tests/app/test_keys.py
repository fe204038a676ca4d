"""Keys as rows: what is kept of them, and who is recognised."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import select

from app import keys
from app.callers import Caller, Limits, Scope
from app.clock import utc_now
from app.db import Database
from app.errors import KeyNotFoundError, OwnerTakenError, UnauthenticatedError
from app.key_views import KeyWish
from app.models import ApiKey
from app.settings import Settings
from tests.app.keyed import make_key
from tests.rows import NOON, add_document


def identify(
    database: Database, settings: Settings, authorization: str | None, **later: float
) -> Caller:
    with database.reading() as session:
        row = keys.find(session, authorization, utc_now() + timedelta(**later))
    return keys.caller_of(row, settings)


def test_key_is_recognised(database: Database, settings: Settings) -> None:
    """Whoever sends a key is its owner, with its scopes and its limits over the server's."""
    wish = {"owner": "lab", "scopes": {"read"}, "limits": {"max_documents": 3}}
    row, secret = make_key(database, **wish)
    settings = settings.model_copy(update={"max_documents": 9, "requests_per_minute": 7})

    caller = identify(database, settings, f"Bearer {secret}")

    limits = Limits(requests_per_minute=7, max_documents=3)
    assert caller == Caller("lab", frozenset([Scope.READ]), row.id, limits)


def test_only_the_hash_of_a_key_is_kept(database: Database) -> None:
    """No column of the table holds the key or a part of it."""
    secret = make_key(database).secret

    with database.reading() as session:
        kept = session.execute(select(ApiKey.__table__)).one()
    assert secret.removeprefix("lift_")[:8] not in str(kept)
    assert len(secret) == len("lift_") + 64
    assert secret != make_key(database, "bob").secret


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer lift_",
        "Bearer lift_" + "0" * 64,
        "Bearer lift_" + "A" * 64,
        "Basic lift_" + "0" * 64,
        "Bearer lift_" + "0" * 64 + " more",
        "Bearer ключ",
    ],
)
def test_what_is_no_key_is_refused(
    database: Database, settings: Settings, authorization: str | None
) -> None:
    """Missing, malformed and unknown keys are refused, the last two as invalid tokens."""
    make_key(database)

    with pytest.raises(UnauthenticatedError) as refused:
        identify(database, settings, authorization)

    challenge = 'Bearer error="invalid_token"' if authorization is not None else "Bearer"
    assert refused.value.headers == {"WWW-Authenticate": challenge}
    assert "Authorization" in refused.value.detail or "no such API key" in refused.value.detail


def test_revoked_key_is_refused_at_once(database: Database, settings: Settings) -> None:
    """Revoking ends a key, and doing it again changes nothing."""
    row, secret = make_key(database)
    with database.writing() as session:
        first = keys.revoke(session, row.id, NOON).revoked_at
    with database.writing() as session:
        second = keys.revoke(session, row.id, NOON + timedelta(days=1)).revoked_at

    assert first == second == NOON
    with pytest.raises(UnauthenticatedError, match=f"the API key {row.id} was revoked"):
        identify(database, settings, f"Bearer {secret}")


def test_key_expires(database: Database, settings: Settings) -> None:
    """A key is good for the days that it was given, and no longer."""
    secret = make_key(database, expires_days=2).secret

    assert identify(database, settings, f"Bearer {secret}", days=1.9).owner == "ann"
    with pytest.raises(UnauthenticatedError, match="has expired"):
        identify(database, settings, f"Bearer {secret}", days=2.1)


def test_scheme_may_be_written_in_any_case(database: Database, settings: Settings) -> None:
    """HTTP's authentication schemes know no case."""
    secret = make_key(database).secret

    assert identify(database, settings, f"bearer  {secret}").owner == "ann"


def test_unknown_key_cannot_be_revoked(database: Database) -> None:
    """A slip in the id is told."""
    with pytest.raises(KeyNotFoundError, match="there is no key 'key_1'"), database.writing() as s:
        keys.revoke(s, "key_1", NOON)


@pytest.mark.parametrize("known_by", ["key", "document"])
def test_owner_is_shared_on_purpose_only(database: Database, known_by: str) -> None:
    """A second key of one name does not see the first one's documents unnoticed."""
    if known_by == "key":
        make_key(database, "ann")
    else:
        with database.writing() as session:
            add_document(session, "ann")

    with pytest.raises(OwnerTakenError, match="an owner 'ann' has documents or keys already"):
        make_key(database, "ann")
    assert make_key(database, "ann", owner="ann").row.owner == "ann"


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ({"name": ""}, "at least 1 character"),
        ({"name": "a\nb", "owner": "a"}, "cannot be printed"),
        ({"name": "my laptop"}, "an owner has to be named"),
        ({"name": "a" * 31}, "an owner has to be named"),
        ({"name": "a", "owner": "-"}, "should match pattern"),
        ({"name": "a", "owner": "a\n"}, "should match pattern"),
        ({"name": "a", "scopes": []}, "at least 1 item"),
        ({"name": "a", "scopes": ["root"]}, "'read', 'write' or 'admin'"),
        ({"name": "a", "expires_days": 0}, "greater than or equal to 1"),
        ({"name": "a", "limits": {"max_documents": 0}}, "greater than 0"),
        ({"name": "a", "limits": {"max_document": 1}}, "Unexpected keyword argument"),
    ],
)
def test_impossible_keys_are_refused(wish: dict[str, Any], told: str) -> None:
    """What a key cannot be is told by its field."""
    with pytest.raises(ValidationError, match=told):
        KeyWish.model_validate(wish)
