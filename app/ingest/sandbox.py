"""Parses a document in a process of its own, which may hang, crash or lie without doing harm.

It has limits on time, memory and files, no network, an empty environment, and one file: the
document, as its standard input. What it answers is checked like anything from outside.
"""

import json
import os
import re
import selectors
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import structlog

from app.ingest import child, errors
from app.ingest.errors import DamagedDocumentError, IngestError, LimitExceededError
from app.ingest.limits import LIMITS, MIB, Limits
from app.ingest.outline import Parsed, read_fields

_CHUNK_BYTES = 1024 * 1024
_BYTES_A_CHARACTER = 4
_OUTLINE_BYTES = 64 * MIB
_LONGEST_MESSAGE = 1000
_END_SECONDS = 5.0
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,16}$")
_log = structlog.get_logger()


def parse_file(path: Path, name: str = "", limits: Limits = LIMITS) -> Parsed:
    """Return the text of a document; of `name`, as its owner has it, the suffix breaks ties.

    Raises:
        IngestError: the document is refused, or parsing it broke a limit or the process.
        OSError: the file cannot be read, or no process started.
    """
    with path.open("rb") as file:
        process = _start(file, name, limits)
        try:
            answer = _read_answer(process, limits)
        finally:
            _end(process)
    if not answer:
        raise _refusal_of_end(process.returncode, limits)
    try:
        return _judge(json.loads(answer), limits)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _crashed("unreadable answer") from error


def _start(file: IO[bytes], name: str, limits: Limits) -> subprocess.Popen[bytes]:
    suffix = _SUFFIX.search(name)
    return subprocess.Popen(
        [
            *(sys.executable, "-I", child.__file__, str(os.getpid())),
            *(suffix.group() if suffix else "", json.dumps(asdict(limits))),
        ],
        stdin=file,
        stdout=subprocess.PIPE,
        env={"LC_ALL": "C.UTF-8"},
        start_new_session=True,
    )


def _read_answer(process: subprocess.Popen[bytes], limits: Limits) -> bytes:
    """Read until the process closes its output; nothing if it is late or says too much."""
    assert process.stdout is not None
    most = limits.text_characters * _BYTES_A_CHARACTER + _OUTLINE_BYTES
    until, pieces, num_bytes = time.monotonic() + limits.wall_seconds, list[bytes](), 0
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while selector.select(max(0.0, until - time.monotonic())):
            piece = os.read(process.stdout.fileno(), _CHUNK_BYTES)
            if not piece:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_END_SECONDS)
                return b"".join(pieces)
            num_bytes += len(piece)
            if num_bytes > most:
                raise _crashed("endless answer")
            pieces.append(piece)
    raise LimitExceededError(
        f"reading the document took longer than the {limits.wall_seconds:g} seconds allowed; "
        "upload it in parts, or as plain text"
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    process.stdout.close()
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _refusal_of_end(status: int, limits: Limits) -> IngestError:
    if status == -signal.SIGXCPU:
        return LimitExceededError(
            f"reading the document takes more than the {limits.cpu_seconds} seconds of computing "
            "allowed; upload it in parts, or as plain text"
        )
    return _crashed(f"status {status}")


def _judge(answer: Any, limits: Limits) -> Parsed:
    _log.info("document_parsed", network=str(answer["network"])[:20])
    if "parsed" in answer:
        found = answer["parsed"]
        parsed = Parsed(**read_fields(found), text=found["text"])
        parsed.text.encode()  # a lone surrogate would fail whoever writes it later
        parsed.to_json()
        return parsed
    if "refused" in answer:
        kind = getattr(errors, answer["refused"], None)
        if not (isinstance(kind, type) and issubclass(kind, IngestError)):
            raise TypeError("it names no error")
        raise kind(str(answer["message"])[:_LONGEST_MESSAGE])
    if answer["trouble"] == "memory":
        raise LimitExceededError(
            f"reading the document takes more than the {limits.memory_bytes // MIB} MiB of memory "
            "allowed; upload it in parts, or as plain text"
        )
    raise _crashed(str(answer.get("cause"))[:100])


def _crashed(cause: str) -> DamagedDocumentError:
    _log.warning("parser_crashed", cause=cause)
    return DamagedDocumentError(
        "the document could not be read, it seems to be damaged: save it anew, or as plain text"
    )
