"""`lift status`, `cancel`, `retry`, `relift`."""

import pytest

from tests.cli.conftest import PlayedServer, document, lift, problem


def test_status_lists_documents(played: PlayedServer) -> None:
    """The list has one row for each document, its title unchanged."""
    rows = [
        document("ready", num_tokens=3251, version=2),
        document("running", stage="train"),
        document("queued", queue_position=7),
    ]
    played.play("GET /documents", {"data": rows, "next_cursor": None})

    result = lift("status", "--url", played.url)

    assert result.exit_code == 0
    assert "A [title]" in result.output
    cells = [[cell.strip() for cell in row.split("│")] for row in result.output.splitlines()]
    assert [row[3:7] for row in cells if row[1:2] == ["d1"]] == [
        ["2", "ready", "", "3,251"],
        ["1", "running", "train", ""],
        ["1", "queued, place 7", "", ""],
    ]


def test_status_of_one_document_draws_its_curve(played: PlayedServer) -> None:
    """A document with losses is shown with their curve."""
    losses = [{"step": step, "loss": 9.0 - step} for step in (1, 2, 3)]
    played.play("GET /documents/d1", document("ready", losses=losses))

    result = lift("status", "d1", "--url", played.url)

    assert "loss over 3 steps\n  8.000 █" in result.output


@pytest.mark.parametrize(
    ("eta_seconds", "told"),
    [
        (None, "4 of 9 steps\n"),
        (41.2, "4 of 9 steps, about 42 s left\n"),
        (100.0, "4 of 9 steps, about 2 min left\n"),
        (9_000.0, "4 of 9 steps, about 2 h 30 min left\n"),
    ],
)
def test_status_tells_the_time_that_is_left(
    played: PlayedServer, eta_seconds: float | None, told: str
) -> None:
    """The running stage's end is told in words, if the server can tell."""
    progress = {"completed": 4, "total": 9, "unit": "steps", "eta_seconds": eta_seconds}
    played.play("GET /documents/d1", document("running", stage="train", progress=progress))

    assert told in lift("status", "d1", "--url", played.url).output


def test_status_tells_which_version_answers(played: PlayedServer) -> None:
    """While a newer version is in the making, or after it failed, the older one is named."""
    older = {"version": 1, "sha256": "a"}
    played.play("GET /documents/d1", document("failed", version=2, adapter=older))

    assert "(version 1 still answers)" in lift("status", "d1", "--url", played.url).output


def test_cancel_says_what_became_of_the_document(played: PlayedServer) -> None:
    """A document that was ready is told to be so."""
    played.play("POST /documents/d1/cancel", document("cancelled"), document("ready"), status=202)

    outputs = [lift("cancel", "d1", "--url", played.url).output for _ in range(2)]

    assert outputs == ["document d1 is cancelled\n", "document d1 is ready\n"]


def test_retry_is_watched_to_its_end(played: PlayedServer) -> None:
    """A retried document is followed as an uploaded one is."""
    played.play("POST /documents/d1/retry", document("queued"), status=202)
    played.play("GET /documents/d1", document("queued", queue_position=3), document("ready"))

    result = lift("retry", "d1", "--url", played.url)

    assert result.exit_code == 0
    assert "queued  place 3\nready\n" in result.output


def test_relift_sends_its_wishes(played: PlayedServer) -> None:
    """What is not named is not sent, and stays as it was."""
    played.play("POST /documents/d1/relift", document("queued", version=2), status=202)

    first = lift("relift", "d1", "--no-wait", "--url", played.url)
    wishes = ("--preset", "balanced", "--option", "seed=8", "--priority", "-3")
    lift("relift", "d1", *wishes, "--no-wait", "--url", played.url)

    assert first.output == "document d1, version 2\n"
    assert [body for _, body in played.requests] == [
        b'{"options":{},"priority":0}',
        b'{"options":{"seed":8},"priority":-3,"preset":"balanced"}',
    ]


def test_relift_that_fails_tells_what_still_answers(played: PlayedServer) -> None:
    """The error is the newer version's; the older one is not lost."""
    failed = document(
        "failed",
        version=2,
        adapter={"version": 1},
        error={"code": "refused", "detail": "It is too short."},
    )
    played.play("POST /documents/d1/relift", document("queued", version=2), status=202)
    played.play("GET /documents/d1", failed)

    result = lift("relift", "d1", "--url", played.url)

    assert result.exit_code == 1
    assert result.stderr == "lift: It is too short. (version 1 still answers)\n"


@pytest.mark.parametrize("command", ["cancel", "retry", "relift"])
def test_refused_command_is_one_line_and_exit_1(played: PlayedServer, command: str) -> None:
    """A document that is not there is told in the server's words."""
    body = problem(404, "document_not_found", "There is no document.")
    played.play(f"POST /documents/d1/{command}", body, status=404)

    result = lift(command, "d1", "--url", played.url)

    assert (result.exit_code, result.stderr) == (1, "lift: There is no document.\n")


@pytest.mark.parametrize("command", ["relift", "upload"])
def test_priority_out_of_range_is_refused(command: str) -> None:
    """It goes from -100 to 100."""
    result = lift(command, __file__, "--priority", "101")

    assert result.exit_code == 2
    assert "100" in result.stderr
