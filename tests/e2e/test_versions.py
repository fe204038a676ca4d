"""A real training that is cancelled, gone on with and made anew, heard over one stream."""

import io
from pathlib import Path
from typing import Any

import httpx
from httpx_sse import connect_sse

from app.client import Client
from tests.serving import TINY_OPTIONS, serving, tiny_settings
from tests.waiting import wait_until

_TEXT = "The lamp of Osmerrow is lit at dusk by the keeper's youngest child. " * 8


def test_training_is_cancelled_retried_and_made_anew_while_it_is_listened_to(
    tmp_path: Path,
) -> None:
    """The stream tells each end and each beginning, and the older memory answers meanwhile."""
    settings = tiny_settings(tmp_path / "tiny")
    with serving(tmp_path / "data", **settings) as served, Client(served.url()) as client:
        options = TINY_OPTIONS | {"recitation_epochs": 1000}
        document_id = client.upload(
            io.BytesIO(_TEXT.encode()), "a.txt", preset="quick", options=options
        )
        wait_until(lambda: client.get(document_id).losses, 60)
        cancelled = client.cancel(document_id)
        retried = client.retry(document_id)
        wait_until(lambda: client.get(document_id).stage == "train", 60)
        relifted = client.relift(document_id, options={"recitation_epochs": 2})
        first = _listen(served.url(), document_id, after=None)
        client.relift(document_id, options={"seed": 8})
        answered = client.ask(document_id, "Who lights the lamp?", max_tokens=4)
        second = _listen(served.url(), document_id, after=first[-1]["id"])
        document = client.get(document_id)

    assert [each.status for each in (cancelled, retried, relifted)] == [
        "cancelled",
        "queued",
        "queued",
    ]
    assert _ends(first) == ["cancelled", "cancelled", "ready"]
    assert _ends(second) == ["ready"]
    assert {event["type"] for event in second} == {"stage", "metric", "done"}
    assert answered.memory_share
    assert (document.version, document.adapter and document.adapter.version) == (3, 3)


def _listen(url: str, document_id: str, after: str | None) -> list[dict[str, Any]]:
    headers = {} if after is None else {"Last-Event-ID": after}
    path = f"{url}/documents/{document_id}/events/stream"
    with (
        httpx.Client(timeout=60.0, trust_env=False) as http,
        connect_sse(http, "GET", path, headers=headers) as source,
    ):
        return [event.json() for event in source.iter_sse() if event.data]


def _ends(events: list[dict[str, Any]]) -> list[str]:
    return [event["data"]["status"] for event in events if event["type"] == "done"]
