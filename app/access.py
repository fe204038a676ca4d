"""The door: who calls is asked here, before anything of the request is read, and nowhere else.

Every path is shut to those without a key but for the few named here, also one that a later route
adds. What a known caller may see and do is the routes' matter (`deps`).
"""

from functools import partial
from typing import Final

import structlog
from anyio import CapacityLimiter, to_thread
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app import keys
from app.callers import Caller
from app.clock import utc_now
from app.errors import ApiError
from app.models import ApiKey
from app.problems import handle_exception
from app.services import Services
from app.web import serving

OPEN_PATHS: Final = serving.PATHS | {
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/openapi-3.0.json",
}
"""What everybody may ask for: it tells nothing of any document."""
_log = structlog.get_logger()


class Access:
    """ASGI middleware. Routes find the caller in the request's state."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._admitting = CapacityLimiter(16)  # nobody waits here for those who upload
        self._noting = CapacityLimiter(1)  # a database that is slow to write holds up one thread

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its caller, or refuse it."""
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        services: Services = scope["app"].state.services
        authorization = Headers(scope=scope).get("authorization")
        try:
            admit = partial(_admit, services, authorization)
            caller, is_noted = await to_thread.run_sync(admit, limiter=self._admitting)
        except (ApiError, SQLAlchemyError) as error:
            refusal = await handle_exception(Request(scope), error)
            await refusal(scope, receive, send)
            return
        scope.setdefault("state", {})["caller"] = caller
        await self._app(scope, receive, send)
        if caller.key_id and not is_noted:
            note_use = partial(_note_use, services, caller.key_id)
            await to_thread.run_sync(note_use, limiter=self._noting)


def _admit(services: Services, authorization: str | None) -> tuple[Caller, bool]:
    """Return who calls, and whether it is known that the key is used."""
    caller, is_noted = _identify(services, authorization)
    services.rates.count(caller)
    return caller, is_noted


def _identify(services: Services, authorization: str | None) -> tuple[Caller, bool]:
    if not services.settings.asks_for_keys:
        return Caller.local(services.settings), True
    now = utc_now()
    with services.database.reading() as session:
        row = keys.find(session, authorization, now)
    return keys.caller_of(row, services.settings), keys.is_use_noted(row, now)


def _note_use(services: Services, key_id: str) -> None:
    now = utc_now()
    try:
        with services.database.reading() as session:
            row = session.get(ApiKey, key_id)
        if row is None or keys.is_use_noted(row, now):  # by another request meanwhile
            return
        with services.database.writing() as session:
            keys.note_use(session, key_id, now)
    except SQLAlchemyError as error:
        # The request's edge: it was answered, and a note that is missing harms nobody.
        _log.warning("key_use_unnoted", key_id=key_id, error=type(error).__name__)
