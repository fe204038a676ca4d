"""`lift serve` and its parts, as far as they go without a model."""

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli.main import app

OPEN = (
    "lift: whoever reaches 0.0.0.0 could read and delete all: set LIFT_AUTH=keys, and make a key "
    "with `lift keys create NAME`; without keys, listen on 127.0.0.1\n"
)


@pytest.mark.parametrize("command", ["serve", "api"])
@pytest.mark.parametrize("auth", [None, "off"])
@pytest.mark.parametrize("by_option", [True, False])
def test_open_address_without_keys_is_refused(
    command: str,
    auth: str | None,
    by_option: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who lets other machines in has to ask them for keys, before anything is made or loaded."""
    monkeypatch.setenv("LIFT_BROKER_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("LIFT_DATA_DIR", str(tmp_path / "data"))
    if auth:
        monkeypatch.setenv("LIFT_AUTH", auth)
    if not by_option:
        monkeypatch.setenv("LIFT_HOST", "0.0.0.0")
    result = CliRunner().invoke(app, [command, *(["--host", "0.0.0.0"] if by_option else [])])

    assert (result.exit_code, result.stderr) == (1, OPEN)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(("host", "auth"), [("0.0.0.0", "keys"), ("127.0.0.1", "off")])
def test_server_that_is_not_open_to_all_may_start(
    host: str, auth: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With keys any address will do, without them this machine's own."""
    monkeypatch.setenv("LIFT_BROKER_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("LIFT_AUTH", auth)
    with socket.create_server((host, 0)) as taken:  # so that it ends before the model is loaded
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(app, ["api", "--host", host, "--port", port])

    assert result.exit_code == 1
    assert result.stderr.startswith(f"lift: port {port} on {host} is in use")


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_reader_that_is_not_there_is_told_at_the_start(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slip in LIFT_READER costs no upload."""
    monkeypatch.setenv("LIFT_BROKER_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("LIFT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("LIFT_READER", str(tmp_path / "gone"))
    result = CliRunner().invoke(app, [command])

    assert result.exit_code == 1
    assert result.stderr == (
        f"lift: LIFT_READER names {tmp_path / 'gone'}, which is no file; make a reader with "
        "`lift pretune`, or unset it\n"
    )
    assert not (tmp_path / "data").exists()
