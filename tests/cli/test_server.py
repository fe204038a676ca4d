"""`lift serve` and its parts, as far as they go without a model."""

import socket

import pytest
from typer.testing import CliRunner

from app.cli.main import app


@pytest.mark.parametrize(("host", "num_warnings"), [("0.0.0.0", 1), ("127.0.0.1", 0)])
def test_open_address_is_warned_of_in_one_line(
    host: str, num_warnings: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who lets other machines in is told that nobody has to log in."""
    monkeypatch.setenv("LIFT_BROKER_URL", "redis://127.0.0.1:1/0")
    with socket.create_server((host, 0)) as taken:  # so that it ends before the model is loaded
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(app, ["api", "--host", host, "--port", port])

    assert result.exit_code == 1
    assert result.stderr.count("no log-in in this version") == num_warnings
