"""API keys for tests, and requests that carry them."""

from typing import Any

from app import keys
from app.clock import utc_now
from app.db import Database
from app.key_views import KeyWish
from app.keys import NewKey


def make_key(database: Database, name: str = "ann", **wish: Any) -> NewKey:
    """Make a key, by default one of a new owner that may read and write."""
    with database.writing() as session:
        return keys.create(session, KeyWish(name=name, **wish), utc_now())


def bearer(secret: str) -> dict[str, str]:
    """Return the header that a key is sent in."""
    return {"Authorization": f"Bearer {secret}"}
