"""Write the database's password once, for PostgreSQL and for the clients of libpq.

Runs to its end before both start. POSTGRES_PASSWORD is taken where it is set; else a password is
drawn that nobody needs to know. A later run changes nothing: PostgreSQL keeps its first one, too.
"""

import os
import secrets
import sys
from pathlib import Path


def write_password(folder: Path, chosen: str) -> None:
    """Leave `password` for the server and `pgpass` for its clients, readable by the owner alone."""
    if (folder / "pgpass").exists():
        return
    password = chosen or secrets.token_urlsafe(32)
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    _write(folder / "password", password)
    _write(folder / "pgpass", f"postgres:5432:lift:lift:{escaped}\n")


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_password(Path(sys.argv[1]), os.environ.get("POSTGRES_PASSWORD", ""))
