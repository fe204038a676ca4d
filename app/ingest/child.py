"""The parsing process: `python -I child.py PARENT TASK SUFFIX LIMITS`, an upload as its input.

First it gives up what it does not need: time, memory, files, the network, other programs. Then it
reads, parses or unpacks, and writes JSON to standard output; before it, files that it unpacked. It
prints nothing else: what a library says may hold a document's text.
"""

import ctypes
import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.ingest.limits import Limits

_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
_REFUSED_EVENTS = (
    "socket.",
    "subprocess.",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "pty.",
)
_OWN, _ROOT = Path(__file__).parents[1:3]
# What lies beside our package is libraries where it was installed, and anything in a checkout.
_PACKAGES = _ROOT if _ROOT.name in ("site-packages", "dist-packages") else _OWN
_LIBRARIES = tuple(f"{folder}/" for folder in (_PACKAGES, sys.prefix, sys.base_prefix))
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def main(parent: int, task: str, suffix: str, limits_json: str) -> None:
    """Do a task on standard input, and tell what came of it."""
    sys.path.insert(0, str(_ROOT))
    from app.embedded.tether import die_with
    from app.ingest.limits import Limits

    result = os.fdopen(os.dup(1), "wb")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    network = "namespace" if _leave_network() else "audit hook"
    die_with(parent)
    limits = Limits(**json.loads(limits_json))
    _limit_resources(limits)
    with result:
        told = _told(partial(_TASKS[task], suffix, limits, result))
        result.write(json.dumps(told | {"network": network}, ensure_ascii=False).encode() + b"\n")


def _leave_network() -> bool:
    """Move into a network of our own without any interface; the kernel may not permit it."""
    if sys.platform != "linux":
        return False
    unshare: Callable[[int], int] = ctypes.CDLL(None).unshare
    return unshare(_NEW_USER | _NEW_NETWORK) == 0 or unshare(_NEW_NETWORK) == 0


def _limit_resources(limits: "Limits") -> None:
    import resource

    for kind, most in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.cpu_seconds),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        # One second more for the hard limit of time: its signal says no reason.
        resource.setrlimit(kind, (most, most + (kind == resource.RLIMIT_CPU)))


def _told(task: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return _told_refusal(task)
    except MemoryError:
        pass  # told below, when what filled the memory is gone
    return {"trouble": "memory"}


def _told_refusal(task: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    from app.ingest.errors import IngestError

    try:
        return task()
    except IngestError as error:
        return {"refused": type(error).__name__, "message": str(error)}
    except MemoryError:
        raise
    except Exception as error:
        return {"trouble": "crash", "cause": type(error).__name__}


def _parse(suffix: str, limits: "Limits", _: IO[bytes]) -> dict[str, Any]:
    from dataclasses import asdict

    from app.ingest.parsing import parse

    sys.addaudithook(_refuse_event)
    return {"parsed": asdict(parse(sys.stdin.buffer.read(), suffix, limits))}


def _unpack(_: str, limits: "Limits", result: IO[bytes]) -> dict[str, Any]:
    from app.ingest.bundle import members

    sys.addaudithook(_refuse_event)
    for name, content in members(sys.stdin.buffer.read(), limits):
        result.write(json.dumps({"name": name, "size_bytes": len(content)}).encode() + b"\n")
        result.write(content)
    return {}


def _recognise(_: str, limits: "Limits", __: IO[bytes]) -> dict[str, Any]:
    from dataclasses import asdict

    from app.ingest.parsing import recognise

    sys.addaudithook(_refuse_event)
    return {"parsed": asdict(recognise(sys.stdin.buffer.read(), limits))}


_TASKS = {"parse": _parse, "unpack": _unpack, "recognise": _recognise}


def _refuse_event(event: str, arguments: tuple[Any, ...]) -> None:
    if event.startswith(_REFUSED_EVENTS):
        raise PermissionError(f"a parser may not do this: {event}")
    if event == "open" and not _may_open(arguments[0], arguments[2]):
        raise PermissionError("a parser may open nothing but its own program's files")


def _may_open(path: Any, flags: int) -> bool:
    if isinstance(path, int):
        return True
    return not flags & _WRITING and os.path.abspath(os.fsdecode(path)).startswith(_LIBRARIES)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
