from pathlib import Path

import pytest

from tests.cli.conftest import PlayedServer, document, lift, problem


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "book.txt"
    path.write_text("words")
    return str(path)


def test_upload_shows_stages_in_plain_lines(played: PlayedServer, file: str) -> None:
    """Without a terminal each stage is a line, without escape codes, and the end names the id."""
    progress = {"completed": 4, "total": 9, "unit": "steps"}
    losses = [{"step": 1, "loss": 3.25}]
    played.play("POST /documents", {"id": "d1"}, status=202)
    played.play(
        "GET /documents/d1",
        document("queued"),
        document("running", stage="train", progress=progress, losses=losses),
        document("ready", num_tokens=9),
    )

    result = lift("upload", file, "--url", played.url)

    assert result.exit_code == 0
    assert "queued\ntrain  4/9 steps  loss 3.250\nready\n" in result.output
    assert "lift ask d1" in result.output
    assert "\x1b" not in result.output


def test_upload_of_failing_document_exits_1_with_reason(played: PlayedServer, file: str) -> None:
    """A document that could not be lifted is an error in the server's words."""
    failed = document("failed", error={"code": "empty", "detail": "There is no text."})
    played.play("POST /documents", {"id": "d1"}, status=202)
    played.play("GET /documents/d1", failed)

    result = lift("upload", file, "--url", played.url)

    assert result.exit_code == 1
    assert result.stderr == "lift: There is no text.\n"


def test_upload_without_wait_returns_at_once(played: PlayedServer, file: str) -> None:
    """With --no-wait the document is sent and not watched."""
    played.play("POST /documents", {"id": "d1"}, status=202)

    result = lift("upload", file, "--no-wait", "--url", played.url)

    assert result.output == "document d1\n"
    assert len(played.requests) == 1


def test_upload_asks_for_one_more_copy_only_if_told_to(played: PlayedServer, file: str) -> None:
    """The server finds the same file by itself."""
    played.play("POST /documents", {"id": "d1"}, status=200)

    lift("upload", file, "--no-wait", "--url", played.url)
    lift("upload", file, "--no-wait", "--duplicate", "--url", played.url)

    plain, copy = (body for _, body in played.requests)
    assert b'name="duplicate"' not in plain
    assert b'name="duplicate"\r\n\r\ntrue\r\n' in copy


def test_upload_says_of_what_it_is_a_changed_text(played: PlayedServer, file: str) -> None:
    """Only if it is told to: older servers know no such field."""
    played.play("POST /documents", {"id": "d2"}, status=202)

    lift("upload", file, "--no-wait", "--url", played.url)
    lift("upload", file, "--no-wait", "--starts-from", "d1", "--url", played.url)

    plain, changed = (body for _, body in played.requests)
    assert b"starts_from" not in plain
    assert b'name="starts_from"\r\n\r\nd1\r\n' in changed


@pytest.mark.parametrize(
    ("option", "sent"),
    [("num_qa_pairs=3", b'{"num_qa_pairs": 3}'), ("name=word", b'{"name": "word"}')],
)
def test_upload_option_is_json_or_text(
    played: PlayedServer, file: str, option: str, sent: bytes
) -> None:
    """An option's value is read as JSON where it is JSON, else as text."""
    played.play("POST /documents", {"id": "d1"}, status=202)

    lift("upload", file, "--no-wait", "--option", option, "--url", played.url)

    assert sent in played.requests[0][1]


@pytest.mark.parametrize("arguments", [("status", "d1"), ("ask", "d1", "What?")])
def test_refusal_is_one_line_and_exit_1(played: PlayedServer, arguments: tuple[str, ...]) -> None:
    """A problem is shown as its detail, on one line, however it was broken."""
    body = problem(404, "document_not_found", "There is no\n document.")
    played.play("GET /documents/d1", body, status=404)
    played.play("POST /documents/d1/ask", body, status=404)

    result = lift(*arguments, "--url", played.url)

    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == "lift: There is no document.\n"


def test_absent_server_is_one_line_that_names_serve() -> None:
    """Without a server one is told how to start one."""
    result = lift("status", "--url", "http://127.0.0.1:1")

    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "`lift serve`" in result.stderr


def test_malformed_option_is_one_line(file: str) -> None:
    """An option that is no key=value is refused before anything is sent."""
    result = lift("upload", file, "--option", "paper")

    assert result.exit_code == 1
    assert result.stderr == "lift: --option takes key=value, not 'paper'\n"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("LIFT_PORT", "abc", "lift: LIFT_PORT: Input should be a valid integer"),
        ("LIFT_PRESET", "x", "lift: LIFT_PRESET must be one of"),
    ],
)
def test_wrong_setting_is_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    """A client's command tells a wrong setting as the server's do."""
    monkeypatch.setenv(name, value)

    result = lift("status")

    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert result.stderr.startswith(told)
