"""How this program logs: one JSON object a line on stderr, an event name plus fields.

Fields are ids, counts, times and error messages; never document text, questions or answers. What
an unforeseen exception says may hold any of these: its type and its way through the code are told.
"""

import sys
import traceback
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import structlog

_ROOT = Path(__file__).parents[1]
_LONGEST_CHAIN = 10


def configure_logging(least: str = "info") -> None:
    """Set up structlog for this process, from the level `least` on; the last call counts."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(least),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _tell_exception,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=_stderr_logger,
    )


def _tell_exception(
    _logger: Any, _name: str, fields: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    told = fields.pop("exc_info", None)
    error = sys.exc_info()[1] if told is True else told
    if isinstance(error, BaseException):
        fields["exception"] = [_describe(each) for each in _chain(error)]
    return fields


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Give an exception and what led to it."""
    for _ in range(_LONGEST_CHAIN):
        if error is None:
            return
        yield error
        is_hidden = error.__suppress_context__
        error = error.__cause__ or (None if is_hidden else error.__context__)


def _describe(error: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)
    what = {"type": f"{type(error).__module__}.{type(error).__qualname__}"}
    if isinstance(error, OSError) and error.strerror:
        what["error"] = error.strerror
    return what | {"at": [f"{_place(each.filename)}:{each.lineno} {each.name}" for each in frames]}


def _place(filename: str) -> str:
    path = Path(filename)
    return str(path.relative_to(_ROOT)) if path.is_relative_to(_ROOT) else "/".join(path.parts[-2:])


def _stderr_logger(*_: Any) -> structlog.PrintLogger:
    # Looked up at each call: sys.stderr may have been replaced since the program began.
    return structlog.PrintLogger(sys.stderr)
