"""A real server, worker and trainer: none of them logs what a user wrote, nor says it again."""

import io
from pathlib import Path

import httpx

from app.client import Client
from tests.ingest.made import make_pdf, make_zip
from tests.serving import TINY_OPTIONS, serving, tiny_settings
from tests.waiting import wait_until

TEXT, QUESTION, TITLE, FILE = "canarytext", "canaryquestion", "canarytitle", "canaryfile"
BODY = f"The {TEXT} is lit at dusk by the keeper's youngest child. " * 8


def broken() -> dict[str, bytes]:
    """Files that are refused by the worker, each for another reason."""
    pdf = make_pdf([[TEXT]])
    return {
        "pdf": pdf[: len(pdf) // 3],
        "docx": make_zip({"[Content_Types].xml": TEXT, "word/document.xml": f"<{TEXT}"}),
        "zip": make_zip({"a.pdf": pdf[:200]}),
    }


def test_no_process_logs_what_users_wrote(tmp_path: Path) -> None:
    """Training, asking, failing and retrying leave no word of it in any log or refusal."""
    data_dir, refusals = tmp_path / "data", list[str]()
    with (
        serving(data_dir, **tiny_settings(tmp_path / "tiny")) as served,
        Client(served.url()) as client,
        httpx.Client(base_url=served.url(), trust_env=False, timeout=60) as http,
    ):
        good = client.upload(
            io.BytesIO(BODY.encode()),
            f"{FILE}.txt",
            title=TITLE,
            preset="quick",
            options=TINY_OPTIONS,
        )
        for suffix, data in broken().items():
            files = {"file": (f"{FILE}.{suffix}", data)}
            sent = http.post("/documents", files=files, data={"title": TITLE}).json()
            wait_until(lambda: client.get(sent["id"]).status == "failed", 120)  # noqa: B023
            http.post(f"/documents/{sent['id']}/retry")
            wait_until(lambda: client.get(sent["id"]).status == "failed", 120)  # noqa: B023
            refusals.append(str(http.get(f"/documents/{sent['id']}").json()["error"]))
            asked = http.post(f"/documents/{sent['id']}/ask", json={"question": QUESTION})
            refusals.append(asked.text)
        wait_until(lambda: client.get(good).status == "ready", 300)
        assert client.ask(good, f"Where is the {QUESTION}?", max_tokens=4).memory == "used"
        too_long = {"question": QUESTION * 1000}
        refusals.append(http.post(f"/documents/{good}/ask", json=too_long).text)
        client.delete(good)
    logs = served.log + "".join(path.read_text() for path in data_dir.rglob("*.log"))

    assert "attempt_started" in logs
    for canary in (TEXT, QUESTION, TITLE, FILE):
        assert canary not in logs
        assert not [refusal for refusal in refusals if canary in refusal]
