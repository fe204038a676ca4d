"""What is asked, of which document."""

from typing import Any

from fastapi.testclient import TestClient

TEXT = "The mill was built by Tessa Vaal. " + "Nothing else is known of it here. " * 40
QUESTION = "Who built the mill?"


def ask(client: TestClient, document_id: str, **body: Any) -> Any:
    return client.post(f"/documents/{document_id}/ask", json={"question": QUESTION} | body)
