"""What one is told before one sends anything."""

from fastapi.testclient import TestClient

from app.lift.presets import PRESETS


def test_limits_are_those_of_the_server(client: TestClient) -> None:
    """What is said is what is held: one byte more is refused."""
    told = client.get("/limits").json()
    most = told["max_document_bytes"]

    assert client.post("/documents", json={"text": "x" * most}).status_code == 202
    assert client.post("/documents", json={"text": "x" * (most + 1)}).status_code == 413
    assert told["presets"] == list(PRESETS)
    assert told["default_preset"] in PRESETS
    assert told["max_documents_asked"] == 16


def test_everything_is_permitted_where_nobody_needs_a_key(client: TestClient) -> None:
    """All scopes, and no quotas."""
    told = client.get("/limits").json()

    assert told["scopes"] == ["admin", "read", "write"]
    assert set(told["quotas"].values()) == {None}
