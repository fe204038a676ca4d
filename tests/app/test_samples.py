"""The promises of the samples: length, provable answers, facts out of the window's sight."""

import re
from itertools import pairwise

import pytest

from app.samples import SAMPLE_NAMES, Sample, load_sample

MARGIN_CHARACTERS = 1300
"""About 300 tokens: what a truncated context shows of either end at most in the `quick` preset."""


def _num_words(text: str) -> int:
    return len(re.findall(r"[\w'-]+", text))


def _out_of_context(sample: Sample) -> list[int]:
    """Return where the facts stand that neither end of the document shows."""
    positions = sorted(sample.text.index(row.where) for row in sample.questions)
    last = len(sample.text) - MARGIN_CHARACTERS
    return [position for position in positions if MARGIN_CHARACTERS <= position <= last]


@pytest.fixture(params=SAMPLE_NAMES)
def sample(request: pytest.FixtureRequest) -> Sample:
    """Each sample in turn."""
    return load_sample(request.param)


@pytest.mark.parametrize(
    ("name", "fewest_words", "most_words", "num_questions"),
    [("osmerrow", 2600, 2900, 10), ("kitepost", 900, 1100, 6)],
)
def test_sample_has_the_promised_size(
    name: str, fewest_words: int, most_words: int, num_questions: int
) -> None:
    """A sample's words and questions are as many as its readers count on."""
    sample = load_sample(name)

    assert fewest_words <= _num_words(sample.text) <= most_words
    assert len(sample.questions) == num_questions


def test_title_is_the_first_heading(sample: Sample) -> None:
    """The title is the text's first line without its mark."""
    assert sample.text.startswith(f"# {sample.title}\n")


def test_quote_is_verbatim_and_holds_the_answer(sample: Sample) -> None:
    """Each quote stands in the document word for word, once, and holds the whole answer."""
    for row in sample.questions:
        assert sample.text.count(row.where) == 1
        assert row.answer in row.where


def test_answer_is_a_short_phrase(sample: Sample) -> None:
    """Answers have between two and eight words, and questions end as questions do."""
    for row in sample.questions:
        assert 2 <= _num_words(row.answer) <= 8
        assert row.question.endswith("?")


def test_questions_differ(sample: Sample) -> None:
    """No question and no answer is there twice."""
    assert len({row.question for row in sample.questions}) == len(sample.questions)
    assert len({row.answer for row in sample.questions}) == len(sample.questions)


@pytest.mark.parametrize(("name", "fewest"), [("osmerrow", 8), ("kitepost", 6)])
def test_facts_stand_outside_head_and_tail(name: str, fewest: int) -> None:
    """Most facts lie where a short window over head and tail cannot see them."""
    assert len(_out_of_context(load_sample(name))) >= fewest


def test_out_of_context_answers_are_absent_from_head_and_tail(sample: Sample) -> None:
    """No echo in the head or tail gives away an answer that is meant to be out of context."""
    shown = sample.text[:MARGIN_CHARACTERS] + sample.text[-MARGIN_CHARACTERS:]
    for row in sample.questions:
        if sample.text.index(row.where) in _out_of_context(sample):
            assert row.answer not in shown


def test_facts_are_spread_over_the_document(sample: Sample) -> None:
    """Between two neighbouring facts lies never more than a quarter of the document."""
    positions = _out_of_context(sample)
    gaps = [after - before for before, after in pairwise(positions)]

    assert max(gaps) <= len(sample.text) / 4


def test_unknown_sample_is_refused() -> None:
    """A name that no sample has raises an error that lists the names."""
    with pytest.raises(ValueError, match="osmerrow"):
        load_sample("nowhere")
