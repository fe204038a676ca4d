"""The API's socket, opened before anything slow begins: a port in use is told at once."""

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from app.embedded.errors import ServeError


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Listen on an address; port 0 takes a free one.

    Raises:
        ServeError: the port is in use, not allowed, or the host is not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise ServeError(_reason(host, port, error)) from error
    with listener:
        # Connections inherit it. Without it a body waits until its headers are acknowledged, 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listener


def url_of(listener: socket.socket) -> str:
    """Return the URL of what is served on a socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _reason(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {host} is in use; name another with --port, or 0 for any that is free"
        )
    return f"cannot listen on port {port} of {host}: {error.strerror}"
