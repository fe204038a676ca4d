"""A real server is backed up while it runs, and another machine answers the same."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.client import Client
from tests.postgres import new_database
from tests.s3 import S3Server
from tests.serving import TINY_OPTIONS, serving, tiny_settings

pytestmark = pytest.mark.exhaustive

_TEXT = "The lamp of Osmerrow is lit at dusk by the keeper's youngest child. " * 4
_WISHES = {"max_tokens": 24, "temperature": 0}


def lift(*arguments: str, **settings: str) -> str:
    """Run a command in a process of its own; returns what it prints."""
    command = [sys.executable, "-m", "app.cli.main", *arguments]
    environment = os.environ | settings
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return done.stdout.strip()


def test_backup_restored_into_an_empty_machine_answers_the_same(
    tmp_path: Path, postgres_url: str, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From SQLite and a folder into PostgreSQL and a bucket: answer, key, list, pairs and text."""
    tiny = tiny_settings(tmp_path / "tiny") | {"LIFT_AUTH": "keys"}
    old, new = {"LIFT_DATA_DIR": str(tmp_path / "old")}, {"LIFT_DATA_DIR": str(tmp_path / "new")}
    s3_server.make_bucket("restored")
    new |= s3_server.environment | {
        "LIFT_DATABASE_URL": new_database(postgres_url),
        "LIFT_STORE_URL": "s3://restored/here",
        "LIFT_S3_ENDPOINT_URL": s3_server.url,
    }
    backup = str(tmp_path / "b.tar")
    with serving(tmp_path / "old", **tiny) as served:
        url = served.url()
        key = lift("keys", "create", "ann", **old)
        with Client(url, key) as client:
            file = io.BytesIO(_TEXT.encode())
            document_id = client.upload(file, "a.txt", preset="quick", options=TINY_OPTIONS)
            *_, ready = client.follow(document_id, every_seconds=0.2)
            asked = client.ask(document_id, "Who lights the lamp?", **_WISHES)
            listed = list(client.documents())
            told = lift("backup", backup, **old)
            text = client.text(document_id)
    restored = lift("restore", backup, **new, LIFT_MODEL=tiny["LIFT_MODEL"])
    with serving(tmp_path / "new", **tiny, **new) as served, Client(served.url(), key) as client:
        asked_again = client.ask(document_id, "Who lights the lamp?", **_WISHES)
        listed_again = list(client.documents())
        text_again = client.text(document_id)

    assert ready.status == "ready", ready.error
    assert "1 documents" in told
    assert "findings: 0" in restored
    assert asked.answer
    assert (asked_again.answer, asked_again.memory_share) == (asked.answer, asked.memory_share)
    assert (listed_again, text_again) == (listed, text)
    assert not (tmp_path / "new" / "lift.db").exists()
