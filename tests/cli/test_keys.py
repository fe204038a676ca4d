"""`lift keys` on a real database, and the key that the other commands send."""

import re
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.conftest import PlayedServer, document, lift


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with an empty database."""
    monkeypatch.setenv("LIFT_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "250")
    assert lift("migrate").exit_code == 0
    return tmp_path


def create(*arguments: str) -> tuple[str, str]:
    """Make a key; returns its id and the key."""
    result = lift("keys", "create", *arguments)
    assert result.exit_code == 0, result.output
    return result.stderr.split()[1], result.stdout.strip()


def test_key_is_printed_alone_and_once(data_dir: Path) -> None:
    """A script reads the key from stdout; the database holds it nowhere."""
    _, key = create("ann")

    assert re.fullmatch(r"lift_[0-9a-f]{64}", key)
    for file in data_dir.glob("lift.db*"):
        assert key.removeprefix("lift_").encode() not in file.read_bytes()
    assert key not in lift("keys", "list").output


def test_list_shows_what_a_key_is_for() -> None:
    """Owner, scopes, limits and use stand in one line a key."""
    key_id, _ = create(
        *("laptop", "--owner", "ann", "--scope", "read", "--scope", "admin"),
        *("--expires-days", "9", "--max-documents", "3", "--requests-per-minute", "60"),
    )

    shown = next(line for line in lift("keys", "list").output.splitlines() if key_id in line)

    for told in ("laptop", "ann", "admin, read", "max_documents 3", "good until", "never"):
        assert told in shown
    assert "requests_per_minute 60" in shown


def test_revoked_key_is_listed_as_such() -> None:
    """It stays in the list, with the day of its end."""
    key_id, _ = create("ann")

    result = lift("keys", "revoke", key_id)

    assert (result.exit_code, result.stderr) == (0, f"lift: {key_id} is revoked\n")
    assert f"revoked {_today()}" in lift("keys", "list").output


def test_empty_list_says_how_to_make_a_key() -> None:
    """Nothing is said in words."""
    assert lift("keys", "list").output == "no keys yet: make one with `lift keys create NAME`\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["create", "my laptop"], "an owner has to be named: the key's name cannot be one"),
        (["create", "ann", "--owner", "no owner"], "owner: String should match pattern"),
        (["create", "ann", "--scope", "root"], "scopes: Input should be 'read', 'write' or"),
        (["create", "bob"], "an owner 'bob' has documents or keys already"),
        (["revoke", "key_1"], "there is no key 'key_1'"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(arguments: list[str], told: str) -> None:
    """Slips end with status 1 and a sentence."""
    create("bob")

    result = lift("keys", *arguments)

    assert result.exit_code == 1
    assert result.stderr.startswith(f"lift: {told}")
    assert result.stderr.count("\n") == 1


def test_missing_database_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slip in the folder's name makes no second database."""
    monkeypatch.setenv("LIFT_DATA_DIR", str(tmp_path / "gone"))

    result = lift("keys", "list")

    assert result.exit_code == 1
    assert result.stderr.startswith(f"lift: there is no database in {tmp_path / 'gone'}: make it")
    assert not (tmp_path / "gone").exists()


def test_old_database_is_told(data_dir: Path) -> None:
    """A database from before there were keys has to be migrated."""
    with sqlite3.connect(data_dir / "lift.db") as connection:
        connection.execute("DROP TABLE api_keys")

    result = lift("keys", "list")

    assert result.exit_code == 1
    assert "(`lift migrate`)" in result.stderr


def test_commands_send_the_key(played: PlayedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """LIFT_API_KEY travels in the header; without it there is none."""
    played.play("GET /documents/d1", document("ready"))
    for key in ("", " lift_1 \n"):
        monkeypatch.setenv("LIFT_API_KEY", key)
        assert lift("status", "d1", "--url", played.url).exit_code == 0

    assert [headers["authorization"] for headers in played.headers] == [None, "Bearer lift_1"]


@pytest.mark.parametrize("key", ["lift_ключ", "lift_1\nX: y"])
def test_what_can_be_no_key_is_told(
    played: PlayedServer, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """A key that no header can hold is named, not sent."""
    monkeypatch.setenv("LIFT_API_KEY", key)

    result = lift("status", "d1", "--url", played.url)

    assert result.exit_code == 1
    assert result.stderr.startswith("lift: LIFT_API_KEY is no API key")
    assert key not in result.stderr
    assert played.requests == []


def _today() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d}"
