"""A process with limits on time, memory and files, no network, an empty environment, and one file.

The file is an upload, as its standard input. It may hang, crash or lie without doing harm.
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
from types import TracebackType
from typing import IO, Any, Self

import structlog

from app.ingest import child, errors
from app.ingest.errors import DamagedDocumentError, IngestError, LimitExceededError
from app.ingest.limits import MIB, Limits

_CHUNK_BYTES = 1024 * 1024
_LONGEST_MESSAGE = 1000
_END_SECONDS = 5.0
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,16}$")
_log = structlog.get_logger()


class CappedProcess:
    """A task of `child.py` on a file; gone with all that it started when its block ends.

    `name` is the file's, as its owner has it: the process learns its suffix alone.
    """

    def __init__(self, file: IO[bytes], task: str, name: str, limits: Limits) -> None:
        self._limits = limits
        suffix = _SUFFIX.search(name)
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-I", child.__file__, str(os.getpid()), task),
                *(suffix.group() if suffix else "", json.dumps(asdict(limits))),
            ],
            stdin=file,
            stdout=subprocess.PIPE,
            env={"LC_ALL": "C.UTF-8"},
            start_new_session=True,
        )
        self._until = time.monotonic() + limits.wall_seconds
        assert self._process.stdout is not None
        self._output = self._process.stdout
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._output, selectors.EVENT_READ)

    def __enter__(self) -> Self:
        """Begin to use it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it, whatever it does."""
        self._selector.close()
        self._output.close()
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def read(self, most_bytes: int = _CHUNK_BYTES) -> bytes:
        """Return what it says next, as soon as there is some; nothing once it has ended.

        Raises:
            LimitExceededError: it is late.
        """
        if not self._selector.select(max(0.0, self._until - time.monotonic())):
            raise LimitExceededError(
                f"reading the document took longer than the {self._limits.wall_seconds:g} seconds "
                "allowed; upload it in parts, or as plain text"
            )
        piece = os.read(self._output.fileno(), most_bytes)
        if not piece:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_SECONDS)
        return piece

    def refusal(self) -> IngestError:
        """Return why nothing came of it, if it ended without saying so."""
        if self._process.returncode == -signal.SIGXCPU:
            return LimitExceededError(
                f"reading the document takes more than the {self._limits.cpu_seconds} seconds of "
                "computing allowed; upload it in parts, or as plain text"
            )
        return crashed(f"status {self._process.returncode}")


def raise_refusal(answer: Any, limits: Limits) -> None:
    """Raise what a process says was wrong with its document, if it says so.

    Raises:
        IngestError
        KeyError, TypeError: it says nothing that one can understand.
    """
    if "refused" in answer:
        kind = getattr(errors, answer["refused"], None)
        if not (isinstance(kind, type) and issubclass(kind, IngestError)):
            raise TypeError("it names no error")
        raise kind(str(answer["message"])[:_LONGEST_MESSAGE])
    if "trouble" not in answer:
        return
    if answer["trouble"] == "memory":
        raise LimitExceededError(
            f"reading the document takes more than the {limits.memory_bytes // MIB} MiB of memory "
            "allowed; upload it in parts, or as plain text"
        )
    raise crashed(str(answer.get("cause"))[:100])


def crashed(cause: str) -> DamagedDocumentError:
    """Log why a process was of no use; returns what its document's owner is told."""
    _log.warning("parser_crashed", cause=cause)
    return DamagedDocumentError(
        "the document could not be read, it seems to be damaged: save it anew, or as plain text"
    )
