import io

import pytest
from rich.console import Console

from app.client_views import Answer, Document
from app.demo.measuring import Asked, Measured
from app.demo.report import report, summary
from app.samples import SampleQuestion

_DOCUMENT = Document.model_validate(
    {
        "id": "d1",
        "title": "A title",
        "status": "ready",
        "num_tokens": 3251,
        "losses": [{"step": 1, "loss": 5.0}, {"step": 160, "loss": 3.0}],
    }
)


def measured(
    said: str, without: float, memory: float, *, inside: bool = False, share: float | None = 0.1
) -> Measured:
    question = SampleQuestion("Who built it?", "Tobren Quisk", "built by Tobren Quisk")
    answers = Answer(answer="A [mason]."), Answer(answer=said, memory_share=share)
    return Measured(Asked(question, *answers), inside, without, memory)


def test_summary_counts_what_was_seen() -> None:
    """The paragraph gives sizes, losses, likelihoods and right answers as they were measured."""
    rows = [measured("It was tobren QUISK.", -5.0, -4.0), measured("Nobody.", -5.0, -6.0)]

    text = summary(_DOCUMENT, rows, lift_seconds=300.4)

    assert "Memorising 3251 tokens took 300 seconds." in text
    assert "from 5.00 to 3.00 in 160 steps" in text
    assert "it helped in 1 of 2 cases" in text
    assert "1 of 2 answers contain the expected one with memory, 0 without" in text


@pytest.mark.parametrize(
    ("memory", "inside", "words"),
    [
        (
            -4.0,
            False,
            "outside the truncated context, memory made the expected answers more likely",
        ),
        (
            -6.0,
            False,
            "outside the truncated context, memory made the expected answers less likely",
        ),
        (-6.0, True, "inside the truncated context, memory made the expected answers less likely"),
    ],
)
def test_summary_says_which_way_memory_pulled(memory: float, inside: bool, words: str) -> None:
    """Harm is said as plainly as help."""
    assert words in summary(_DOCUMENT, [measured("", -5.0, memory, inside=inside)], 1.0)


def test_report_off_a_terminal_has_no_escape_codes() -> None:
    """In a file the table is plain text, with brackets in answers left alone."""
    written = io.StringIO()
    rows = [measured("x", -5.0, -4.0), measured("y", -1.0, -2.0, inside=True, share=None)]

    report(Console(file=written, width=150), _DOCUMENT, rows, lift_seconds=1.0)

    text = written.getvalue()
    assert "\x1b" not in text
    assert "A [mason]." in text
    assert "-4.00" in text
    assert max(map(len, text.splitlines())) <= 150
