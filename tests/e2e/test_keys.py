"""A real `lift serve` that asks for keys, which are made beside it."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from app.client import Client
from app.client_replies import ClientError
from app.db import Database
from app.models import TrainingUse
from tests.serving import TINY_OPTIONS, serving, tiny_settings

_TEXT = "The lamp of Osmerrow is lit at dusk by the keeper's youngest child. " * 4


def lift(*arguments: str) -> str:
    """Run a command in a process of its own; returns what it prints."""
    command = [sys.executable, "-m", "app.cli.main", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_keys_are_made_and_revoked_while_the_server_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key is good at once, sees its owner's documents, pays for training, and ends at once."""
    data_dir = tmp_path / "data"
    monkeypatch.setenv("LIFT_DATA_DIR", str(data_dir))
    monkeypatch.setenv("COLUMNS", "250")
    settings = tiny_settings(tmp_path / "tiny") | {"LIFT_AUTH": "keys"}
    with serving(data_dir, **settings) as served:
        url = served.url()
        ann = lift("keys", "create", "ann", "--requests-per-minute", "600")
        bob = lift("keys", "create", "bob", "--requests-per-minute", "1")
        key_id = lift("keys", "list").split("key_")[1][:26]
        with Client(url) as nobody, pytest.raises(ClientError) as unknown:
            list(nobody.documents())
        with Client(url, ann) as client:
            file = io.BytesIO(_TEXT.encode())
            document_id = client.upload(file, "a.txt", preset="quick", options=TINY_OPTIONS)
            *_, last = client.follow(document_id, every_seconds=0.5)
            answer = client.ask(document_id, "Who lights the lamp?", max_tokens=4)
        with Client(url, bob) as other:
            seen = list(other.documents())
            with pytest.raises(ClientError) as hurried:
                other.get(document_id)
        lift("keys", "revoke", f"key_{key_id}")
        with Client(url, ann) as client, pytest.raises(ClientError) as revoked:
            client.get(document_id)

    assert (last.status, seen) == ("ready", [])
    assert answer.memory_share
    codes = [caught.value.code for caught in (unknown, hurried, revoked)]
    assert codes == ["unauthenticated", "rate_limited", "unauthenticated"]
    database = Database(f"sqlite:///{data_dir / 'lift.db'}")
    with database.reading() as session:
        [use] = session.scalars(select(TrainingUse)).all()
    database.dispose()
    assert use.owner == "ann"
    assert use.seconds > 0
    assert ann not in served.log
