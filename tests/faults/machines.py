"""Machines of their own, as far as the network goes: Linux's network namespaces, which need root.

Each is joined to this one by a cable, has an address, and reaches what this one serves.
"""

import os
import secrets
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple


class Machines(NamedTuple):
    """Some namespaces, and where they find what they share."""

    address: str
    """Of this machine, as the others see it."""
    names: list[str]

    def on(self, number: int, command: Sequence[str]) -> list[str]:
        """Return the command line that runs a command on a machine."""
        if not self.names:
            return list(command)
        return ["ip", "netns", "exec", self.names[number], *command]

    def unplug(self, number: int) -> None:
        """Cut a machine off."""
        if self.names:
            _ip("link", "del", _cable(self.names[number]))


@contextmanager
def machines(count: int) -> Iterator[Machines]:
    """Make so many machines; none, and this one's own address, where that is not permitted."""
    net = f"10.{secrets.randbelow(200) + 20}"
    with ExitStack() as stack:
        names = []
        try:
            _ip("addr", "add", f"{net}.255.1/32", "dev", "lo")  # of no cable that may be pulled
            stack.callback(_ip, "addr", "del", f"{net}.255.1/32", "dev", "lo")
            for number in range(count):
                name = f"lf{os.getpid() % 100_000}n{number}"
                _make(name, f"{net}.{number}", stack)
                names.append(name)
        except (OSError, subprocess.CalledProcessError):
            names = []
        yield Machines(f"{net}.255.1" if names else "127.0.0.1", names)


def _make(name: str, net: str, stack: ExitStack) -> None:
    _ip("netns", "add", name)
    stack.callback(_forget, name)
    _ip("link", "add", _cable(name), "type", "veth", "peer", "name", "eth0", "netns", name)
    _ip("addr", "add", f"{net}.1/24", "dev", _cable(name))
    _ip("link", "set", _cable(name), "up")
    for command in (
        ("addr", "add", f"{net}.2/24", "dev", "eth0"),
        ("link", "set", "eth0", "up"),
        ("link", "set", "lo", "up"),
        ("route", "add", "default", "via", f"{net}.1"),
    ):
        _ip("-n", name, *command)


def _forget(name: str) -> None:
    for command in (("link", "del", _cable(name)), ("netns", "del", name)):
        with suppress(subprocess.CalledProcessError):
            _ip(*command)


def _cable(name: str) -> str:
    return f"{name}c"


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
