"""Processes of an installation, each started again when it ends, as a container would be."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Protocol

import psutil

from app.embedded.child import Child
from app.embedded.errors import ServeError
from app.embedded.valkey import running_valkey
from tests.postgres import PostgresServer

_PAUSE_SECONDS = 0.2
_STOP_SECONDS = 20.0


class Service(Protocol):
    """One process with all that it starts."""

    @property
    def pid(self) -> int:
        """Its id."""
        ...

    def is_running(self) -> bool:
        """Say whether it has not ended."""
        ...

    def start(self) -> None:
        """Start it; again, behind an end."""
        ...

    def stop(self) -> None:
        """End it in order."""
        ...


class Command:
    """A command whose output goes to the end of a log."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self._command, self._environment, self.log = command, environment, log

    @property
    def pid(self) -> int:
        return self._child.pid

    def is_running(self) -> bool:
        return self._child.exit_status() is None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._child = Child(self._command, self._environment, log)

    def stop(self) -> None:
        self._child.stop(_STOP_SECONDS)


class ValkeyService:
    """A Valkey that keeps its data and its socket."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running = ExitStack()

    @property
    def pid(self) -> int:
        return self._valkey.child.pid

    @property
    def url(self) -> str:
        return self._valkey.url

    def is_running(self) -> bool:
        return self._valkey.child.exit_status() is None

    def start(self) -> None:
        self._running.close()
        self._valkey = self._running.enter_context(running_valkey(self._folder))

    def stop(self) -> None:
        self._running.close()


class PostgresService:
    """A PostgreSQL that keeps its data and its socket."""

    def __init__(self, folder: Path, address: str | None = None) -> None:
        folder.mkdir()
        self._server = PostgresServer(folder, address)
        self.url = self._server.url

    @property
    def pid(self) -> int:
        return self._server.process.pid

    def is_running(self) -> bool:
        return self._server.process.poll() is None

    def start(self) -> None:
        self._server.launch()

    def stop(self) -> None:
        with suppress(subprocess.TimeoutExpired):
            self._server.stop()
            return
        self._server.process.kill()
        self._server.process.wait()


class Keeper:
    """Starts what has ended, and lets go on what was frozen, when its time has come.

    It does so within `tend`: nothing happens behind the back of whoever calls it.
    """

    def __init__(self) -> None:
        self.services: dict[str, Service] = {}
        self.num_starts: dict[str, int] = {}
        self._ended_at: dict[str, float] = {}
        self._frozen: list[tuple[float, str, list[psutil.Process]]] = []

    def add(self, name: str, service: Service) -> None:
        """Start a service and keep it running from now on."""
        service.start()
        self.services[name], self.num_starts[name] = service, 1

    def tend(self) -> None:
        """Do what is due."""
        now = time.monotonic()
        due = [each for each in self._frozen if each[0] <= now]
        self._frozen = [each for each in self._frozen if each[0] > now]
        for _, _, processes in due:
            _signal_all(processes, signal.SIGCONT)
        for name, service in self.services.items():
            if service.is_running():
                continue
            if now - self._ended_at.setdefault(name, now) >= _PAUSE_SECONDS:
                del self._ended_at[name]
                with suppress(ServeError):  # it gets another chance
                    service.start()
                    self.num_starts[name] += 1

    def freeze(self, name: str, processes: list[psutil.Process], seconds: float) -> None:
        """Stop processes in their tracks for a while."""
        _signal_all(processes, signal.SIGSTOP)
        self._frozen.append((time.monotonic() + seconds, name, processes))

    def is_frozen(self, name: str) -> bool:
        """Say whether some process of a service is stopped in its tracks."""
        return any(frozen == name for _, frozen, _ in self._frozen)

    def is_calm(self) -> bool:
        """Say whether everything runs and nothing is frozen."""
        return not self._frozen and all(each.is_running() for each in self.services.values())

    def stop(self) -> None:
        """End everything, what was started last first."""
        for _, _, processes in self._frozen:
            _signal_all(processes, signal.SIGCONT)
        for service in reversed(self.services.values()):
            service.stop()


def family(pid: int, *, recursive: bool = True) -> list[psutil.Process]:
    """Return a process and all that came of it, or only its own children; none if it is gone."""
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=recursive)]
    except psutil.NoSuchProcess:
        return []


def _signal_all(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            os.kill(process.pid, number)
