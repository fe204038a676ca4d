"""Forgives the slashes that clients put together from a base address that ends in one."""

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from app.openai.dialect import speaks


class ForgivenSlashes:
    """ASGI middleware. Under `/v1`, slashes at the end and several in a row mean nothing.

    A redirect would do for some clients only: others send the body, or their key, no second time.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on under the path that was meant."""
        if scope["type"] == "http":
            path = re.sub("/{2,}", "/", scope["path"]).rstrip("/")
            if speaks(path):
                scope = {**scope, "path": path}
        await self._app(scope, receive, send)
