"""Parses a document in a process of its own, and checks what that answers like anything foreign."""

import json
from pathlib import Path
from typing import Any

import structlog

from app.ingest.capped import CappedProcess, crashed, raise_refusal
from app.ingest.errors import ScannedDocumentError
from app.ingest.limits import LIMITS, MIB, RECOGNITION_LIMITS, Limits
from app.ingest.outline import Parsed, read_fields
from app.ingest.recognition import is_installed

_BYTES_A_CHARACTER = 4
_OUTLINE_BYTES = 64 * MIB
_NOT_INSTALLED = (
    "this server is to do so itself and cannot: its operator has to install lift-server[ocr]"
)
_log = structlog.get_logger()


def parse_file(
    path: Path, name: str = "", limits: Limits = LIMITS, *, with_recognition: bool = False
) -> Parsed:
    """Return the text of a document; of `name`, as its owner has it, the suffix breaks ties.

    `with_recognition` has the pages of a scanned PDF file read as pictures, which takes minutes.

    Raises:
        IngestError: the document is refused, or parsing it broke a limit or the process.
        OSError: the file cannot be read, or no process started.
    """
    try:
        return _run("parse", path, name, limits)
    except ScannedDocumentError as error:
        if not with_recognition:
            raise
        if not is_installed():
            raise ScannedDocumentError(f"{error}; {_NOT_INSTALLED}") from error
    return _run("recognise", path, name, RECOGNITION_LIMITS)


def _run(task: str, path: Path, name: str, limits: Limits) -> Parsed:
    with path.open("rb") as file, CappedProcess(file, task, name, limits) as process:
        answer = _read_answer(process, limits)
    if not answer:
        raise process.refusal()
    try:
        return _judge(json.loads(answer), limits)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise crashed("unreadable answer") from error


def _read_answer(process: CappedProcess, limits: Limits) -> bytes:
    most = limits.text_characters * _BYTES_A_CHARACTER + _OUTLINE_BYTES
    pieces, num_bytes = list[bytes](), 0
    while piece := process.read():
        num_bytes += len(piece)
        if num_bytes > most:
            raise crashed("endless answer")
        pieces.append(piece)
    return b"".join(pieces)


def _judge(answer: Any, limits: Limits) -> Parsed:
    _log.info("document_parsed", network=str(answer["network"])[:20])
    raise_refusal(answer, limits)
    found = answer["parsed"]
    parsed = Parsed(**read_fields(found), text=found["text"])
    parsed.text.encode()  # a lone surrogate would fail whoever writes it later
    parsed.to_json()
    return parsed
