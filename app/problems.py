"""The one place that writes a refusal: application/problem+json (RFC 9457), but in OpenAI's dialect
where that is spoken.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Match

from app.errors import ApiError, DatabaseUnavailableError, StoreUnavailableError
from app.openai import dialect
from app.request_ids import current_request_id
from app.storage import StoreError

MEDIA_TYPE = "application/problem+json"
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_TRY_LATER = frozenset([429, 503])
_RETRY_SECONDS = 5
_log = structlog.get_logger()


class FieldProblem(BaseModel):
    """One field that was wrong."""

    pointer: str = Field(description="JSON pointer that starts with /body, /query or /path")
    detail: str


class Problem(BaseModel):
    """Why a request was refused. Some codes add members, which their descriptions name."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="urn:lift-server:problem: and the code")
    title: str
    status: int
    detail: str
    code: str
    instance: str = Field(description="Path of the request")
    request_id: str = Field(description="That of the header X-Request-Id; the log has it, too")
    errors: list[FieldProblem] | None = None


async def handle_exception(request: Request, error: Exception) -> JSONResponse:
    """Turn any exception that ended a request into its problem."""
    match error:
        case ApiError():
            return problem_response(request.url.path, error)
        case HTTPException(status_code=405):
            return _refuse_method(request)
        case HTTPException():
            code = HTTPStatus(error.status_code).name.lower()
            return _respond(request, error.status_code, code, error.detail, error.headers)
        case StoreError():
            _log.error("store_failed", path=request.url.path, error=str(error))
            return problem_response(request.url.path, StoreUnavailableError())
        case OperationalError() | PoolTimeoutError():
            cause = getattr(error, "orig", error)  # says what is wrong, and no row's contents
            _log.error("database_failed", path=request.url.path, error=str(cause))
            return problem_response(request.url.path, DatabaseUnavailableError())
        case RequestValidationError():
            fields = [_field_problem(problem) for problem in error.errors()]
            detail = "; ".join(f"{field['pointer']}: {field['detail']}" for field in fields)
            return _respond(request, 422, "invalid_request", detail, errors=fields)
    _log.error("request_crashed", path=request.url.path, exc_info=error)
    return _respond(request, 500, "internal_error", "The server failed; its log says why.")


async def problem_bytes(request: Request, error: Exception) -> bytes:
    """Return the problem of an exception that ended a stream: its status has left long ago."""
    return bytes((await handle_exception(request, error)).body)


def problem_response(path: str, error: ApiError) -> JSONResponse:
    """Write the problem of `error` for the request to `path`."""
    problem = _problem(path, error.status, error.code, error.title(), error.detail, error.extras)
    problem.headers.update(error.headers or {})
    return problem


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Declare for a route that it may answer these statuses with a problem."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status in statuses
    }


def _refuse_method(request: Request) -> JSONResponse:
    """Name all methods of the path; the router knows those of one route only."""
    path, routes = {"type": "http", "path": request.url.path, "headers": []}, request.app.routes
    allowed = [
        method
        for method in _METHODS
        if any(route.matches(path | {"method": method})[0] is Match.FULL for route in routes)
    ]
    detail = f"{request.method} means nothing here; try {' or '.join(allowed)}"
    return _respond(request, 405, "method_not_allowed", detail, {"Allow": ", ".join(allowed)})


def _respond(
    request: Request,
    status: int,
    code: str,
    detail: str,
    headers: Any = None,
    **extras: Any,
) -> JSONResponse:
    title = code.replace("_", " ").capitalize() + "."
    response = _problem(request.url.path, status, code, title, detail, extras)
    response.headers.update(headers or {})
    return response


def _problem(
    path: str, status: int, code: str, title: str, detail: str, extras: dict[str, Any]
) -> JSONResponse:
    headers = {"Retry-After": str(_RETRY_SECONDS)} if status in _TRY_LATER else None
    if dialect.speaks(path):
        status, body = dialect.translate(status, code, detail, extras)
        return JSONResponse(body, status, headers)
    problem = {
        "type": f"urn:lift-server:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "instance": path,
        "request_id": current_request_id(),
    }
    return JSONResponse(problem | extras, status, headers, media_type=MEDIA_TYPE)


def _field_problem(problem: dict[str, Any]) -> dict[str, str]:
    location: Sequence[str | int] = problem["loc"]
    if problem["type"] == "json_invalid" and isinstance(location[-1], int):
        location = location[:-1]  # an offset, no member
    return {
        "pointer": "/" + "/".join(str(part) for part in location),
        "detail": problem["msg"].removeprefix("Value error, "),
    }
