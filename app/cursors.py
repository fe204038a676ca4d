"""Opaque cursors: where a list goes on, for clients that are not to read it."""

import base64
import binascii

from app import errors


def write_cursor(last: str) -> str:
    """Return a cursor that stands behind the row with this id."""
    return base64.urlsafe_b64encode(last.encode()).decode()


def read_cursor(cursor: str) -> str:
    """Return what was written; it need not be an id.

    Raises:
        InvalidCursorError: nothing was ever written so.
    """
    try:
        return base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise errors.InvalidCursorError from error
