"""Cloze questions: exact by construction, at names and content words, never across a mark."""

import re
from random import Random

import pytest

from app.lift.cloze import GAP_WORD, Cloze, draw_cloze
from app.lift.sentences import is_full, split_sentences
from app.samples import SAMPLE_NAMES, load_sample

SENTENCE = "The mill at Orrin was built by Tessa Vaal in 1832, when the frost had gone."


def draws(sentence: str, number: int = 200) -> list[Cloze]:
    found = (draw_cloze(sentence, Random(seed)) for seed in range(number))
    return [cloze for cloze in found if cloze]


@pytest.mark.parametrize("name", SAMPLE_NAMES)
def test_answer_in_the_gap_gives_the_sentence_again(name: str) -> None:
    """Every sentence of the samples, but for marks at the gap and the end."""
    lines = [each.line for each in split_sentences(load_sample(name).text) if is_full(each)]
    random = Random(0)
    for line in lines:
        cloze = draw_cloze(line, random)

        assert cloze is not None
        assert 1 <= len(cloze.answer.split()) <= 5
        assert _bare(line) in {_bare(each) for each in _filled(cloze)}
    assert len(lines) > 40


def _filled(cloze: Cloze) -> list[str]:
    """Put the answer into each `what`, of which the sentence may have some of its own."""
    parts = cloze.question.split(GAP_WORD)
    return [
        GAP_WORD.join(parts[:place]) + cloze.answer + GAP_WORD.join(parts[place:])
        for place in range(1, len(parts))
    ]


def _bare(text: str) -> str:
    return re.sub(r"[^\w]", "", text)


def test_names_and_numbers_are_asked_for_most() -> None:
    """Three times as often as a common word; each content word has its turn."""
    answers = [cloze.answer for cloze in draws(SENTENCE)]
    named = [answer for answer in answers if any(c.isupper() or c.isdigit() for c in answer)]

    assert len(named) > len(answers) / 2
    assert {"1832", "frost"} <= set(answers)


def test_answer_never_goes_across_a_mark() -> None:
    """`1832, when` is no answer."""
    assert not [cloze for cloze in draws(SENTENCE) if "1832 " in cloze.answer]


def test_question_keeps_what_is_behind_the_gap() -> None:
    """With the mark that stood there, and one question mark at the end."""
    questions = {cloze.answer: cloze.question for cloze in draws(SENTENCE)}

    assert questions["1832"] == (
        "The mill at Orrin was built by Tessa Vaal in what, when the frost had gone?"
    )
    assert all(each.endswith("?") and each.count("?") == 1 for each in questions.values())


@pytest.mark.parametrize("sentence", ["", "A b.", "It is so as it is.", "– – – –"])
def test_sentence_without_words_to_spare_gives_none(sentence: str) -> None:
    """Nothing is asked for that says nothing."""
    assert draws(sentence) == []


def test_the_same_random_draws_the_same() -> None:
    """A lift can be repeated."""
    assert draw_cloze(SENTENCE, Random(3)) == draw_cloze(SENTENCE, Random(3))
