"""The promises of the unrelated passages: number, length, variety, nothing shared with samples."""

import re
from collections import Counter

import pytest

from app.lift.elsewhere import Passage, load_passages
from app.samples import SAMPLE_NAMES, load_sample

RUN_WORDS = 8
"""A run of so many words in common would be a copy."""


def words(text: str) -> list[str]:
    return re.findall(r"[\w'-]+", text.lower())


def runs(text: str) -> set[tuple[str, ...]]:
    """Every stretch of `RUN_WORDS` words."""
    found = words(text)
    return {tuple(found[start : start + RUN_WORDS]) for start in range(len(found) - RUN_WORDS + 1)}


def answered(passage: Passage) -> list[bool]:
    return [answer in passage.text for _, answer in passage.questions]


def test_passages_are_as_many_as_the_trainer_draws_from() -> None:
    """There are 208 passages with three questions each."""
    passages = load_passages()

    assert len(passages) == 208
    assert {len(passage.questions) for passage in passages} == {3}


def test_passage_is_short() -> None:
    """Each passage has between 90 and 140 words."""
    lengths = [len(passage.text.split()) for passage in load_passages()]

    assert min(lengths) >= 90
    assert max(lengths) <= 140


def test_passages_are_of_many_kinds() -> None:
    """There are at least sixteen kinds, and none makes up a fifth of all."""
    kinds = Counter(passage.kind for passage in load_passages())

    assert len(kinds) >= 16
    assert max(kinds.values()) < len(load_passages()) / 5


def test_question_ends_with_its_mark_and_has_a_short_answer() -> None:
    """Questions end as questions do; answers are a few words, or one clause."""
    asked = [each for passage in load_passages() for each in passage.questions]
    lengths = [len(answer.split()) for _, answer in asked]

    assert all(question.endswith("?") for question, _ in asked)
    assert min(lengths) >= 1
    assert max(lengths) <= 12
    assert sum(length > 8 for length in lengths) < len(asked) / 10


def test_two_questions_in_three_are_answered_by_their_passage() -> None:
    """The first two answers of a passage stand in it; most third ones do not."""
    found = [answered(passage) for passage in load_passages()]

    assert all(first and second for first, second, _ in found)
    assert sum(third for _, _, third in found) < len(found) / 6


def test_nothing_is_there_twice() -> None:
    """No question is repeated, and no two passages share a run of eight words."""
    passages = load_passages()
    questions = [question for passage in passages for question, _ in passage.questions]
    counted = Counter(run for passage in passages for run in runs(passage.text))

    assert len(set(questions)) == len(questions)
    assert counted.most_common(1)[0][1] == 1


@pytest.mark.parametrize("name", SAMPLE_NAMES)
def test_samples_share_nothing_with_the_passages(name: str) -> None:
    """A sample's document has no run of eight words in common with any passage."""
    sample = runs(load_sample(name).text)

    assert not [passage.text for passage in load_passages() if sample & runs(passage.text)]
