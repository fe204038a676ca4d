import socket

import pytest

from app.embedded.errors import ServeError
from app.embedded.listening import listening, url_of


def test_port_zero_takes_a_free_port() -> None:
    """The URL names the port that was found."""
    with listening("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]

        assert port > 0
        assert url_of(listener) == f"http://127.0.0.1:{port}"


def test_connections_send_at_once() -> None:
    """A response's body does not wait until the client has acknowledged its headers."""
    with listening("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_port_in_use_is_refused() -> None:
    """A port that another listens on is told at once, with what to do."""
    with (
        listening("127.0.0.1", 0) as listener,
        pytest.raises(ServeError, match=r"is in use; name another with --port"),
    ):
        listening("127.0.0.1", listener.getsockname()[1]).__enter__()


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_foreign_host_is_refused(host: str) -> None:
    """An address that is not this machine's cannot be listened on."""
    with pytest.raises(ServeError, match=f"cannot listen on port 0 of {host}"):
        listening(host, 0).__enter__()
