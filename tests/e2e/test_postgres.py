"""The whole flow in production's shape: PostgreSQL and a Redis-protocol broker by URL."""

import io
from pathlib import Path

from app.client import Client
from app.db import Database
from app.models import Adapter, Document
from tests.serving import TINY_OPTIONS, serving, tiny_settings

TEXT = "The lamp of the tower was lit by Mirel Tand each evening, winter and summer. " * 8


def test_upload_train_ask_and_delete_on_postgresql(
    tmp_path: Path, postgres_url: str, valkey_url: str
) -> None:
    """With both URLs set, documents live in PostgreSQL and no SQLite file is made."""
    settings = tiny_settings(tmp_path / "tiny") | {
        "LIFT_DATABASE_URL": postgres_url,
        "LIFT_BROKER_URL": valkey_url,
        "LIFT_STORE_URL": f"file://{tmp_path / 'store'}",
    }
    with serving(tmp_path / "data", **settings) as served, Client(served.url()) as client:
        document_id = client.upload(
            io.BytesIO(TEXT.encode()), "a.txt", preset="quick", options=TINY_OPTIONS
        )
        *_, document = client.follow(document_id, every_seconds=0.2)
        answer = client.ask(document_id, "Who lit the lamp?", max_tokens=4)
        database = Database(postgres_url)
        with database.reading() as session:
            rows = (session.query(Document).count(), session.query(Adapter).count())
        files = list((tmp_path / "store").rglob("*.safetensors"))
        client.delete(document_id)
        left = list((tmp_path / "store").rglob("*.safetensors"))
        database.dispose()

    assert document.status == "ready", document.error
    assert answer.memory_share
    assert rows == (1, 1)
    assert (len(files), left) == (1, [])
    assert not list((tmp_path / "data").rglob("*.db"))
