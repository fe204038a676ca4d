"""`lift ask` against a server that plays answers back."""

import json
import re
from typing import Any

import pytest

from app.client import Client
from app.client_replies import ClientError
from app.client_views import Answer
from tests.cli.conftest import PlayedServer, lift, problem


def stream(*events: tuple[str, Any]) -> str:
    """Return a stream as the server sends it."""
    written = [
        f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n" for name, data in events
    ]
    return "retry: 2000\n\n: ping\n\n" + "".join(written)


def said(*pieces: str, **told: Any) -> str:
    """Return the stream of an answer."""
    deltas = [("answer.delta", {"text": piece}) for piece in pieces]
    return stream(*deltas, ("answer.done", {"answer": "".join(pieces)} | told))


def ask(played: PlayedServer, body: str, *options: str) -> Any:
    played.play("POST /documents/d1/ask", body)
    return lift("ask", "d1", "What?", *options, "--url", played.url)


def test_answer_and_share_are_printed(played: PlayedServer) -> None:
    """The answer comes first; the memory share says that it is no probability of truth."""
    result = ask(played, said("A [red]", " heron.", memory_share=0.25))

    first, second = result.output.splitlines()
    assert first == "A [red] heron."
    assert re.match(r"memory share █{5}░{15} 25%: .* no probability of truth", second)
    assert "\x1b" not in result.output


def test_wishes_go_to_the_server(played: PlayedServer) -> None:
    """What is not wished for is left to it; the answer is asked for as a stream."""
    options = ("--memory", "off", "--context", "retrieved", "--max-tokens", "5", "--no-evidence")
    result = ask(played, said("No idea."), *options)

    assert result.output == "No idea.\n"
    assert json.loads(played.requests[0][1]) == {
        "question": "What?",
        "memory": "off",
        "context": "retrieved",
        "max_tokens": 5,
        "evidence": False,
    }
    assert played.headers[0]["accept"] == "text/event-stream"


def test_a_pending_memory_is_told(played: PlayedServer) -> None:
    """Nobody takes the answer for one from memory."""
    result = ask(played, said("She.", memory="pending"), "--memory", "if_ready")

    assert "without memory, which is still in the making" in result.output


def test_a_question_that_is_none_of_the_memorys_business_is_told(played: PlayedServer) -> None:
    """So nobody wonders why there is no memory share."""
    result = ask(played, said("Tokyo.", memory="unrelated", memory_share=None))

    assert "by its words, the question is hardly about the document" in result.output
    assert "memory share" not in result.output


def test_evidence_is_shown_with_its_place(played: PlayedServer) -> None:
    """Page, section and offsets, and how the passage begins, on one line."""
    evidence = [
        {
            "text": "The [mill]\n was " + "x" * 300,
            "start": 5,
            "end": 99,
            "page": 3,
            "heading": "Mills",
        },
        {"text": "Oak.", "start": 1, "end": 5, "page": None, "heading": None},
    ]
    result = ask(played, said("She.", evidence=evidence))

    lines = result.output.splitlines()
    assert "in the text (page 3, Mills, characters 5 to 99)" in lines
    assert "in the text (characters 1 to 5)" in lines
    assert next(line for line in lines if line.startswith("The [mill] was xxx")).endswith("x…")


def test_an_error_after_words_ends_the_line(played: PlayedServer) -> None:
    """What was said stays; the reason is one line on the error console."""
    result = ask(
        played,
        stream(
            ("answer.delta", {"text": "Well"}),
            ("error", problem(503, "engine_unavailable", "No memory left.")),
        ),
    )

    assert (result.exit_code, result.stdout) == (1, "Well\n")
    assert result.stderr == "lift: No memory left.\n"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "retry: 1\n\n",
        "<html></html>",
        stream(("answer.done", {"text": ""})),
        stream(("answer.delta", {"text": "A"})),
    ],
)
def test_what_is_no_answer_is_told(played: PlayedServer, body: str) -> None:
    """Another server, or one that broke off."""
    result = ask(played, body)

    assert result.exit_code == 1
    assert "not a LIFT server" in result.stderr


@pytest.mark.parametrize(
    "option", [("--memory", "maybe"), ("--context", "whole"), ("--temperature", "3")]
)
def test_wrong_options_are_refused_here(played: PlayedServer, option: tuple[str, str]) -> None:
    """The server is not asked."""
    result = ask(played, "", *option)

    assert (result.exit_code, played.requests) == (2, [])


def test_text_may_hold_any_line_break(played: PlayedServer) -> None:
    """Only line feeds separate a stream's lines; JSON holds the others as they are."""
    text = "one\u2028two\x85three\x0cfour\r\n\nfive"
    played.play("POST /documents/d1/ask", said(text))
    with Client(played.url) as client:
        *pieces, answer = client.ask_streamed("d1", "What?")

    assert pieces == [text]
    assert isinstance(answer, Answer)
    assert answer.answer == text


def test_a_refusal_before_the_first_word_has_its_code(played: PlayedServer) -> None:
    """The same as for a whole answer."""
    played.play("POST /documents/d1/ask", problem(409, "document_not_ready", "Wait."), status=409)
    with Client(played.url) as client, pytest.raises(ClientError, match="Wait") as caught:
        list(client.ask_streamed("d1", "What?"))

    assert caught.value.code == "document_not_ready"
