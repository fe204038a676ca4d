import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import PlayedServer, document


@pytest.fixture
def heeded_ctrl_c() -> Iterator[None]:
    """Let child processes heed Ctrl-C; a test run in the background hands down to ignore it."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.mark.usefixtures("heeded_ctrl_c")
def test_ctrl_c_leaves_upload_to_server(played: PlayedServer, tmp_path: Path) -> None:
    """Ctrl-C while waiting ends the command only, and says how to look again."""
    file = tmp_path / "book.txt"
    file.write_text("words")
    played.play("POST /documents", {"id": "d1"}, status=202)
    played.play("GET /documents/d1", document("running", stage="train"))
    command = [sys.executable, "-m", "app.cli.main", "upload", str(file), "--url", played.url]

    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == b"document d1\n"
            assert process.stdout.readline() == b"train\n"
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()  # a command that does not end must not hold up the tests

    assert process.returncode == 130
    assert errors.decode().endswith("The server goes on. Look again with: lift status d1\n")
