"""`/v1/models`: which documents are models, and how they look."""

import pytest
from fastapi.testclient import TestClient

from app.db import Database
from app.storage import Store
from tests.rows import add_document, make_ready, queue_job


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """Each of the databases in turn."""
    database: Database = request.getfixturevalue(request.param)
    return database


def test_ready_document_is_a_model(client: TestClient, model: str) -> None:
    """It has its own id and title, the second of its upload, and the base model as its parent."""
    created = client.get("/v1/models").json()["data"][0].pop("created")

    assert isinstance(created, int)
    assert client.get("/v1/models").json() == {
        "object": "list",
        "data": [
            {
                "id": model,
                "object": "model",
                "created": created,
                "owned_by": "local",
                "root": "fake",
                "parent": "fake",
                "name": "Mine",
            }
        ],
    }


def test_one_model_looks_as_in_the_list(client: TestClient, model: str) -> None:
    """A model that is asked for by its id is the same as among all."""
    listed = client.get("/v1/models").json()["data"]

    assert [client.get(f"/v1/models/{model}").json()] == listed


def test_newest_model_comes_first(
    client: TestClient, database: Database, store: Store, model: str
) -> None:
    """Models come in the order of the documents' own list; those without a memory are left out."""
    newer = client.post("/documents", json={"text": "Another."}).json()["id"]
    make_ready(database, store, newer)
    client.post("/documents", json={"text": "A third, not trained."})

    assert [each["id"] for each in client.get("/v1/models").json()["data"]] == [newer, model]


def test_document_that_is_trained_anew_stays_one_model(client: TestClient, model: str) -> None:
    """Its old version answers until the new one is ready."""
    client.post(f"/documents/{model}/relift", json={"options": {"num_qa_pairs": 1}})

    assert [each["id"] for each in client.get("/v1/models").json()["data"]] == [model]


def test_untrained_document_is_no_model_yet(client: TestClient, document_id: str) -> None:
    """Whoever asks for it learns what its status is."""
    response = client.get(f"/v1/models/{document_id}")

    refusal = response.json()["error"]
    assert (response.status_code, refusal["code"]) == (404, "model_not_found")
    assert "queued" in refusal["message"]
    assert client.get("/v1/models").json()["data"] == []


@pytest.mark.parametrize("model_id", ["gpt-4", "doc_" + "0" * 26, "doc_", "%00", "a" * 300])
def test_unknown_model_returns_404(client: TestClient, model_id: str) -> None:
    """Names that no document has are no models, whatever they look like."""
    response = client.get(f"/v1/models/{model_id}")

    assert (response.status_code, response.json()["error"]["code"]) == (404, "model_not_found")


def test_others_documents_are_no_models(
    client: TestClient, database: Database, store: Store
) -> None:
    """A model of somebody else is neither listed nor there."""
    with database.writing() as session:
        foreign = add_document(session, owner="other").id
        queue_job(session, foreign)
    make_ready(database, store, foreign)

    response = client.get(f"/v1/models/{foreign}")

    assert client.get("/v1/models").json()["data"] == []
    assert response.status_code == 404
