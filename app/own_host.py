"""Refuses what a foreign web page makes a browser send: where nobody needs a key, a page could.

A page that points its own name at this machine betrays itself by the Host header, a page that sends
a form by the Origin header. Knows no routes.
"""

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import ApiError, CrossOriginError, HostNotAllowedError
from app.problems import problem_response

_LOOPBACK = frozenset(["localhost", "127.0.0.1", "::1"])
_SAFE_METHODS = frozenset(["GET", "HEAD", "OPTIONS"])


def own_hosts(host: str, allowed: str) -> frozenset[str]:
    """Return the names that a server on `host` answers to; `allowed` adds some, with commas."""
    names = {name.strip().strip("[]").lower() for name in (host, *allowed.split(","))}
    return _LOOPBACK | (names - {"", "0.0.0.0", "::"})  # noqa: S104  an address to leave out


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a server on `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class OwnHost:
    """ASGI middleware. `*` among the hosts lets every name pass; foreign origins stay refused."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        error = self._refusal(scope) if scope["type"] == "http" else None
        if error:
            await problem_response(scope["path"], error)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> ApiError | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        if "*" not in self._hosts and _name(host) not in self._hosts:
            return HostNotAllowedError(
                "this server does not answer to the name in the Host header; LIFT_ALLOWED_HOSTS "
                "adds names"
            )
        origin = headers.get("origin")
        is_safe = scope["method"] in _SAFE_METHODS
        if origin is None or is_safe or origin.lower().partition("://")[2] == host:
            return None
        return CrossOriginError("a page of another origin may not change anything here")


def _name(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
