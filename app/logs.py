"""How this program logs: one JSON object a line on stderr, an event name plus fields.

Fields are ids, counts, times and error messages; never document text, questions or answers.
"""

import sys
from typing import Any

import structlog


def configure_logging(least: str = "info") -> None:
    """Set up structlog for this process, from the level `least` on; the last call counts."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(least),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=_stderr_logger,
    )


def _stderr_logger(*_: Any) -> structlog.PrintLogger:
    # Looked up at each call: sys.stderr may have been replaced since the program began.
    return structlog.PrintLogger(sys.stderr)
