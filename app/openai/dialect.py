"""Refusals as OpenAI's clients read them: everything under `/v1` is refused in these words."""

import re
from typing import Any, Final

from pydantic import BaseModel, Field

PREFIX: Final = "/v1"

_CODES: Final = {
    "unauthenticated": "invalid_api_key",
    "rate_limited": "rate_limit_exceeded",
    "too_many_asks": "rate_limit_exceeded",
    "question_too_long": "context_length_exceeded",
}
"""Codes of ours that clients know under another name. All others stay as they are."""
_KNOWN_WORDS: Final = {
    "question_too_long": "the conversation is longer than the model's context length: ",
}
"""How a refusal's message has to begin: litellm tells it by its words, not by its code."""
_TYPES: Final = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_UNPROCESSABLE: Final = 422
_BAD_REQUEST: Final = 400


class Refusal(BaseModel):
    """Why a request was refused."""

    message: str = Field(description="What was wrong, and what to do")
    type: str = Field(
        description="invalid_request_error, authentication_error, permission_error, "
        "rate_limit_error or server_error"
    )
    param: str | None = Field(description="The field that was wrong, as in messages[0].content")
    code: str | None = Field(description="Stable name of the reason")


class RefusalBody(BaseModel):
    """What OpenAI's clients expect in place of a result."""

    error: Refusal


def speaks(path: str) -> bool:
    """Return whether requests to this path are answered in OpenAI's dialect."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")


def translate(status: int, code: str, detail: str, extras: dict[str, Any]) -> tuple[int, Any]:
    """Return the status and the body of a refusal; a field that was wrong makes it 400."""
    known = _KNOWN_WORDS.get(code, "")
    wrong = [(_name(each["pointer"]), each["detail"]) for each in extras.get("errors") or ()]
    refusal = Refusal(
        message="; ".join(f"{name or 'the body'}: {why}" for name, why in wrong) or known + detail,
        type=_TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error"),
        param=wrong[0][0] if wrong else extras.get("param"),
        code=_CODES.get(code, code),
    )
    shown = _BAD_REQUEST if status == _UNPROCESSABLE else status
    return shown, RefusalBody(error=refusal).model_dump()


def _name(pointer: str) -> str | None:
    """Return a field's name as OpenAI writes it: `/body/stop/0` is `stop[0]`; None for the body."""
    _, _, *members = pointer.split("/")
    return re.sub(r"\.(\d+)", r"[\1]", ".".join(members)) or None
