"""Serves the page and what it is built of: the same for everybody, and nothing of any document."""

from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

FOLDER: Final = Path(__file__).parent / "assets"
_INDEX = "index.html"
PATHS: Final = frozenset(
    ["/", *(f"/assets/{file.name}" for file in FOLDER.iterdir() if file.name != _INDEX)]
)
"""Everything that is served here. It needs no key."""

CONTENT_POLICY: Final = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",  # text stays text: nothing may write HTML
        "trusted-types 'none'",
    ]
)
"""What the page may load and do: its own files, and calls to its own server."""
_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_ASKED_FOR_EACH_TIME = "no-cache"
_FOR_GOOD = "public, max-age=31536000, immutable"
"""The files' names change with what they hold."""
_files = StaticFiles(directory=FOLDER)


def page_routes() -> list[Route]:
    """Return the routes of the page; none of them is a part of the OpenAPI document."""
    squeezed = [Middleware(GZipMiddleware, minimum_size=1000)]
    return [
        Route("/", _get_page, include_in_schema=False, middleware=squeezed),
        Route("/assets/{name}", _get_asset, include_in_schema=False, middleware=squeezed),
    ]


async def _get_page(request: Request) -> Response:
    return await _get_file(request, _INDEX, _ASKED_FOR_EACH_TIME)


async def _get_asset(request: Request) -> Response:
    name = request.path_params["name"]
    if f"/assets/{name}" not in PATHS:
        raise HTTPException(404)
    return await _get_file(request, name, _FOR_GOOD)


async def _get_file(request: Request, name: str, caching: str) -> Response:
    """Serve a file, or 304 if the browser has it."""
    response = await _files.get_response(name, request.scope)
    response.headers.update(_HEADERS | {"Cache-Control": caching})
    return response
