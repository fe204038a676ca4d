"""An upload that is sent again under its idempotency key."""

from typing import Any

from fastapi.testclient import TestClient
from httpx import Response

KEY = {"Idempotency-Key": "k-1"}


def upload(client: TestClient, text: str = "x", **fields: Any) -> Response:
    """Upload one more copy of a text: what is told apart here is not the content."""
    body = {"text": text, "duplicate": True, **fields}
    response: Response = client.post("/documents", json=body, headers=KEY)
    return response
