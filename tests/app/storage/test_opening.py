"""Which store a URL opens, and which are refused."""

import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest

from app.settings import Settings
from app.storage import UnsupportedStoreError, open_store


def test_file_url_names_the_folder(settings: Settings, tmp_path: Path) -> None:
    """A path with spaces is written with %20."""
    url = f"file://{tmp_path}/a%20b"

    open_store(settings.model_copy(update={"store_url": url})).put("x", BytesIO(b"content"))

    assert (tmp_path / "a b" / "x").read_bytes() == b"content"


@pytest.mark.parametrize(
    "url",
    [
        "https://host/x",
        "/var/lib/lift",
        "file://host/x",
        "file:",
        "s3:",
        "s3:///prefix",
        "s3://key:secret@bucket/prefix",
        "gs://bucket",
    ],
)
def test_other_store_urls_are_refused(settings: Settings, url: str) -> None:
    """The error says what is supported, and repeats nothing that may be a secret."""
    with pytest.raises(UnsupportedStoreError, match="s3://bucket/prefix") as refused:
        open_store(settings.model_copy(update={"store_url": url}))

    assert "secret" not in str(refused.value)


def test_wrong_environment_is_refused(
    s3_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that the library cannot read is told at the start."""
    monkeypatch.setenv("AWS_CHECKSUM_ALGORITHM", "none such")

    with pytest.raises(UnsupportedStoreError, match="AWS_"):
        open_store(s3_settings)


def test_folder_needs_no_s3_library() -> None:
    """It is loaded for a bucket only."""
    code = (
        "import sys; from app.settings import Settings; from app.storage import open_store;"
        "open_store(Settings()); sys.exit('obstore' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
