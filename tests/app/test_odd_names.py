"""Names of files as a request carries them, byte by byte: none leads anywhere."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.storage import Store, source_key

MULTIPART = {"Content-Type": "multipart/form-data; boundary=cut"}


def body(name: bytes) -> bytes:
    """A form with one file of this name, which no client library has made fit to be sent."""
    head = b'--cut\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n' % name
    return head + b"Some text.\r\n--cut--\r\n"


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        (b"../../../etc/passwd", "passwd"),
        (b"..\\..\\windows\\a.txt", "a.txt"),
        (b"/etc/cron.d/a.txt", "a.txt"),
        (b"..", None),
        (b"a\0b.txt", "ab.txt"),
        (b"\0", None),
        (b"x" * 4096 + b".txt", "x" * 251 + ".txt"),
        ("\u202etxt.exe\u202c".encode(), "txt.exe"),
        (
            "\u2066\u0645\u0631\u062d\u0628\u0627\u2069.txt".encode(),
            "\u0645\u0631\u062d\u0628\u0627.txt",
        ),
        (b"%2e%2e%2fa.txt", "%2e%2e%2fa.txt"),
        (b"\xff\xfe.txt", None),
    ],
)
def test_odd_name_leads_nowhere(
    client: TestClient, store: Store, tmp_path: Path, name: bytes, kept: str | None
) -> None:
    """The document lies under its own id, and is called what can be seen."""
    response = client.post("/documents", content=body(name), headers=MULTIPART)

    document = response.json()
    assert response.status_code == 202
    if kept:
        assert document["filename"] == kept
    assert document["title"].isprintable()
    assert len(document["title"]) <= 80
    assert [found.key for found in store.list("")] == [source_key(document["id"])]
    assert not list(tmp_path.rglob("*passwd*"))
