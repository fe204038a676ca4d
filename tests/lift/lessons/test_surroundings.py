"""What stands beside a lesson's examples: contexts, unrelated rows and teachers."""

from dataclasses import replace

import pytest

from app.lift.base_model import BaseModel
from app.lift.config import MethodConfig
from app.lift.elsewhere import load_passages
from app.lift.examples import TrainingData
from app.lift.lessons import lesson_steps
from app.lift.observer import QAPair
from tests.lift.conftest import TEXT
from tests.lift.lessons.conftest import PAIRS, own_rows, words_of


@pytest.mark.parametrize(("share", "expected"), [(0.0, {False}), (1.0, {True})])
def test_context_share_says_how_many_steps_show_a_context(
    llama: BaseModel, data: TrainingData, method: MethodConfig, share: float, expected: set[bool]
) -> None:
    """With 0 no step shows any of the document, with 1 every step does."""
    opening = len(llama.chat.opening)
    rows = own_rows(list(lesson_steps(llama, data, replace(method, context_share=share))))
    shown = {len(row.group.prefix) > opening for row in rows}

    assert shown == expected


def test_a_context_is_of_the_document_and_no_longer_than_asked(
    llama: BaseModel, data: TrainingData, method: MethodConfig
) -> None:
    """Head and tail, or passages: pieces of the text with gaps between."""
    opening = len(llama.chat.opening)
    for row in own_rows(list(lesson_steps(llama, data, replace(method, context_share=1.0)))):
        context = llama.tokenizer.decode(row.group.prefix[opening:])

        assert all(part in TEXT for part in context.split("\n...\n"))
        assert len(row.group.prefix) - opening <= method.recitation_context_tokens


def test_a_context_like_retrievals_mostly_shows_what_answers_its_questions(
    llama: BaseModel, method: MethodConfig
) -> None:
    """So that a memory learns to read what is found, and now and then that it is not there.

    In a text of which such a context shows a thirtieth: by chance it hardly ever would.
    """
    text = " ".join(f"Sack {number:03} is stored in hall {number:03}." for number in range(200))
    pairs = [
        QAPair(f"Where is sack {number:03}?", "it", evidence, text.index(evidence))
        for number in range(0, 200, 20)
        for evidence in [f"hall {number:03}"]
    ]
    data = TrainingData(text, llama.tokenize(text), [], pairs)
    size = 250
    method = replace(method, context_share=1.0, recitation_context_tokens=size, recitation_epochs=0)
    found = []
    for row in own_rows(list(lesson_steps(llama, data, method))):
        context = llama.tokenizer.decode(row.group.prefix[len(llama.chat.opening) :])
        if len(llama.tokenize(context)) == size:
            continue  # head and tail, which fill it
        asked = [words for words, _ in words_of(llama, row)]
        answering = [pair for pair in pairs if any(pair.question in words for words in asked)]
        found += [pair.evidence in context for pair in answering]

    assert len(found) > 20
    assert 0.5 < sum(found) / len(found) < 1


@pytest.mark.parametrize(("share", "expected"), [(0.0, {0}), (1.0, {1})])
def test_unrelated_rows_stand_beside_as_many_steps_as_asked(
    llama: BaseModel, data: TrainingData, method: MethodConfig, share: float, expected: set[int]
) -> None:
    """They ask what belongs to some unrelated passage, and are marked."""
    questions = {question for passage in load_passages() for question, _ in passage.questions}
    steps = list(lesson_steps(llama, data, replace(method, unrelated_share=share)))
    beside = [[row for row in rows if row.is_unrelated] for rows in steps]

    assert {len(rows) for rows in beside} == expected
    for rows in beside:
        for asked, _ in (words for row in rows for words in words_of(llama, row)):
            assert any(question in asked for question in questions)


def test_unrelated_rows_come_again(
    llama: BaseModel, data: TrainingData, method: MethodConfig
) -> None:
    """Each of them before any comes twice, so that a teacher has little to read."""
    method = replace(method, unrelated_share=1.0, joint_epochs=40)
    rows = [row for rows in lesson_steps(llama, data, method) for row in rows if row.is_unrelated]

    assert len(rows) > 96
    assert len(set(rows[:96])) == len(set(rows)) > 80  # some are drawn alike


def test_teachers_see_what_answers_their_question(
    llama: BaseModel, data: TrainingData, method: MethodConfig
) -> None:
    """The row's last examples once more, each behind the tokens around its evidence."""
    method = replace(method, recitation_epochs=0, joint_epochs=1, teacher_context_tokens=40)
    decode = llama.tokenizer.decode
    for row in own_rows(list(lesson_steps(llama, data, method))):
        taught = [example for group in row.teachers for example in group.examples]
        shown = [decode(group.prefix[len(llama.chat.opening) :]) for group in row.teachers]
        evidence = [PAIRS[int(decode(e.target).split()[1][0])].evidence for e in taught]

        assert len(taught) == 2
        assert [e.target for e in taught] == [e.target for e in row.group.examples[-2:]]
        assert all(quote in passage in TEXT for quote, passage in zip(evidence, shown, strict=True))


def test_without_a_teacher_answers_are_learnt_word_for_word(
    llama: BaseModel, data: TrainingData, method: MethodConfig
) -> None:
    """No tokens for it, no teacher; unrelated rows are always taught by the model itself."""
    steps = list(lesson_steps(llama, data, replace(method, unrelated_share=1.0)))

    assert not any(row.teachers for row in own_rows(steps))
    assert all(row.teachers == (row.group,) for rows in steps for row in rows if row.is_unrelated)
