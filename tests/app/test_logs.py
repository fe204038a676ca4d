"""How lines are written: one object each, for programs or for people, whoever logs."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from app.logs import configure_logging, is_logged

CANARY = "canarytext"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    configure_logging()


def written(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capfd.readouterr().err.splitlines()]


def test_libraries_log_through_the_same_renderer(capfd: pytest.CaptureFixture[str]) -> None:
    """One JSON object a line, with what is bound; what is less than a warning is left out."""
    configure_logging()
    configure_logging()  # the last call counts, not both
    with structlog.contextvars.bound_contextvars(request_id="req_1"):
        structlog.get_logger().info("ours", number=1)
        logging.getLogger("celery.worker").warning("lost %s", "it")
        logging.getLogger("httpx").info("a request")

    ours, theirs = written(capfd)
    assert (ours["event"], ours["number"], ours["request_id"]) == ("ours", 1, "req_1")
    assert (theirs["event"], theirs["level"], theirs["logger"]) == (
        "lost it",
        "warning",
        "celery.worker",
    )
    assert theirs["request_id"] == "req_1"
    assert set(theirs) == {"event", "level", "logger", "request_id", "timestamp"}


def test_what_an_exception_says_is_not_written(capfd: pytest.CaptureFixture[str]) -> None:
    """Neither by us nor by a library that puts it into its message."""
    configure_logging()
    try:
        raise ValueError(CANARY)
    except ValueError as error:
        structlog.get_logger().exception("failed")
        logging.getLogger("celery.app.trace").error("raised %s", error, exc_info=True)

    lines = written(capfd)
    assert [line["event"] for line in lines] == ["failed", "raised %s"]
    assert [line["exception"][0]["type"] for line in lines] == ["builtins.ValueError"] * 2
    assert CANARY not in json.dumps(lines)


@pytest.mark.parametrize(("form", "is_json"), [("json", True), ("text", False), ("auto", True)])
def test_form_can_be_chosen(form: Any, is_json: bool, capfd: pytest.CaptureFixture[str]) -> None:
    """What is no terminal is read by a program, unless somebody says otherwise."""
    configure_logging(form=form)
    structlog.get_logger().info("an_event", number=1)
    try:
        raise ValueError(CANARY)
    except ValueError:
        structlog.get_logger().exception("failed")

    err = capfd.readouterr().err
    assert err.startswith("{") is is_json
    assert "an_event" in err
    assert "ValueError" in err
    assert CANARY not in err
    assert is_logged(err.encode())


@pytest.mark.parametrize("line", ["ValueError: no luck", "2030 was the year", "  at a:1", "{it}"])
def test_what_was_printed_is_not_logged(line: str) -> None:
    """The last words of a process that crashed are told from its log."""
    assert not is_logged(line.encode())
