"""How this program logs: one JSON object a line on stderr, an event name plus fields.

On a terminal the same is written for a person. Fields are ids, counts, times and error messages;
never document text, questions or answers. What an unforeseen exception says may hold any of these:
its type and its way through the code are told. Libraries log through the same renderer.
"""

import logging
import re
import sys
import traceback
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any, Literal

import structlog
from structlog.typing import Processor

LogFormat = Literal["auto", "json", "text"]

_ROOT = Path(__file__).parents[1]
_LONGEST_CHAIN = 10
_LOGGED = re.compile(rb'\{"|(\x1b\S+)?\d{4}-\d\d-\d\dT\S+ \[')


def configure_logging(least: str = "info", form: LogFormat = "auto") -> None:
    """Set up this process's logs, from the level `least` on; the last call counts.

    Libraries are heard from warnings on, unless their own level is set.
    """
    first: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _tell_exception,
    ]
    last = _renderers(is_for_people(form))
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(least),
        processors=[*first, *last],
        logger_factory=_stderr_logger,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        foreign_pre_chain=[structlog.stdlib.add_logger_name, *first],
    )
    _hear_libraries(formatter)
    logging.captureWarnings(True)


def is_for_people(form: LogFormat) -> bool:
    """Say whether a person reads the log rather than a program."""
    return sys.stderr.isatty() if form == "auto" else form == "text"


def is_logged(line: bytes) -> bool:
    """Say whether a process that logs like this one wrote a line to its log, in either form."""
    return _LOGGED.match(line) is not None


def _renderers(is_for_a_person: bool) -> list[Processor]:
    if is_for_a_person:
        return [_in_lines, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    return [structlog.processors.JSONRenderer()]


def _in_lines(
    _logger: Any, _name: str, fields: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    if told := fields.get("exception"):
        errors = ["\n  ".join([each["type"], *each["at"]]) for each in told]
        fields["exception"] = "\nled to by ".join(errors)
    return fields


def _hear_libraries(formatter: logging.Formatter) -> None:
    root = logging.getLogger()
    for earlier in [each for each in root.handlers if isinstance(each, _ForeignHandler)]:
        root.removeHandler(earlier)
    handler = _ForeignHandler()
    handler.setFormatter(formatter)
    root.addHandler(handler)


class _ForeignHandler(logging.Handler):
    """Writes what libraries log; not what an exception says that they tell of."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if record.exc_info:  # the message may quote it: its pattern says as much
                record = logging.makeLogRecord(record.__dict__ | {"args": None})
            print(self.format(record), file=sys.stderr)  # noqa: T201  as it is at each call
        except Exception:
            self.handleError(record)


def _tell_exception(
    _logger: Any, _name: str, fields: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    told = fields.pop("exc_info", None)
    error = sys.exc_info()[1] if told is True else told[1] if isinstance(told, tuple) else told
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
