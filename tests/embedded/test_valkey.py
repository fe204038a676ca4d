from pathlib import Path

import pytest
from kombu import Connection

from app.embedded.valkey import running_valkey


@pytest.mark.parametrize("name", ["data", "a folder with spaces, 100%", "x" * 150])
def test_valkey_keeps_its_data_between_runs(tmp_path: Path, name: str) -> None:
    """What was stored is there in the next run, whatever the folder is called."""
    folder = tmp_path / name
    for expected in (None, b"1"):
        with running_valkey(folder) as valkey, Connection(valkey.url) as connection:
            client = connection.default_channel.client
            assert client.get("key") == expected
            client.set("key", 1)


def test_valkey_leaves_no_socket_and_listens_to_nobody_else(tmp_path: Path) -> None:
    """Only the owner may connect, and the socket goes with the server."""
    with running_valkey(tmp_path / "valkey") as valkey:
        socket = Path(valkey.url.removeprefix("redis+socket://").partition("?")[0])
        mode = socket.stat().st_mode & 0o777

    assert mode == 0o700
    assert not socket.exists()
