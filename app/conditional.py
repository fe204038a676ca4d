"""Answers nothing to whoever has it already: entity tags and 304 (RFC 9110, section 13)."""

import hashlib
import re
from typing import Annotated, Any, Final

from fastapi import Header
from pydantic import BaseModel
from starlette.responses import Response

_REVALIDATED: Final = "private, no-cache"
"""May be kept, and is to be asked for again each time: it may be gone, or another's key in use."""
NOT_MODIFIED: Final[dict[str, Any]] = {"description": "What you have still holds"}
"""The answer as OpenAPI describes it."""

IfNoneMatch = Annotated[
    str | None,
    Header(max_length=1000, description="Entity tags that one has: 304 if one of them still holds"),
]


def weak_tag(view: BaseModel, ignored: dict[str, set[str]]) -> str:
    """Return a tag that changes with all that is shown, but for members that time alone changes."""
    shown = view.model_dump_json(exclude=ignored)
    return f'W/"{hashlib.sha256(shown.encode()).hexdigest()[:32]}"'


def holds(tag: str, if_none_match: str | None) -> bool:
    """Say whether a client that sent this header has what the tag stands for."""
    if if_none_match is None:
        return False
    known = re.findall(r'"[^"]*"', if_none_match)
    return if_none_match.strip() == "*" or tag.removeprefix("W/") in known


def answer(view: BaseModel, tag: str, if_none_match: str | None) -> Response:
    """Show something, or say that it is known."""
    if holds(tag, if_none_match):
        return not_modified(tag)
    return Response(view.model_dump_json(), media_type="application/json", headers=tagged(tag))


def not_modified(tag: str) -> Response:
    """Say that a client has it already."""
    return Response(status_code=304, headers=tagged(tag))


def tagged(tag: str) -> dict[str, str]:
    """Return the headers of what is to be asked for again."""
    return {"ETag": tag, "Cache-Control": _REVALIDATED}
