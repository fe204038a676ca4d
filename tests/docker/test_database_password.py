"""The database's password is drawn once and fits both the server and its clients."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "docker/database_password.py"


def _write_password(folder: Path, chosen: str | None = None) -> tuple[str, str]:
    environment = {} if chosen is None else {"POSTGRES_PASSWORD": chosen}
    subprocess.run([sys.executable, SCRIPT, folder], check=True, env=environment)
    return (folder / "password").read_text(), (folder / "pgpass").read_text()


def test_password_is_drawn_where_none_is_given(tmp_path: Path) -> None:
    """Without a password in the environment, a long one is drawn."""
    password, pgpass = _write_password(tmp_path)

    assert len(password) >= 32
    assert pgpass == f"postgres:5432:lift:lift:{password}\n"


def test_second_run_changes_nothing(tmp_path: Path) -> None:
    """The first password stays, as it does in the database."""
    first = _write_password(tmp_path)

    assert _write_password(tmp_path, "another") == first


def test_chosen_password_is_escaped_for_libpq(tmp_path: Path) -> None:
    """Colons and backslashes are escaped in the clients' file and plain in the server's."""
    password, pgpass = _write_password(tmp_path, r"a:b\c")

    assert password == r"a:b\c"
    assert pgpass == "postgres:5432:lift:lift:a\\:b\\\\c\n"


def test_files_are_for_the_owner_alone(tmp_path: Path) -> None:
    """libpq ignores a password file that others may read, and so nobody else may."""
    _write_password(tmp_path)

    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"password": 0o600, "pgpass": 0o600}
