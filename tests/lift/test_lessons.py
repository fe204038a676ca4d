"""The lessons of distillation: the whole document each epoch, and what stands beside it."""

from dataclasses import replace
from random import Random

import pytest

from app.lift.base_model import BaseModel
from app.lift.cloze import GAP_WORD, draw_cloze
from app.lift.config import MethodConfig
from app.lift.elsewhere import load_passages
from app.lift.examples import TrainingData, TrainingRow
from app.lift.lessons import lesson_steps
from app.lift.observer import QAPair
from app.lift.prompts import COMPLETE, RECITE
from app.lift.sentences import split_sentences
from tests.lift.conftest import TEXT

PAIRS = tuple(
    QAPair(f"What is {n}?", f"answer {n}", TEXT[n * 9 : n * 9 + 5], n * 9) for n in range(5)
)


@pytest.fixture
def data(llama: BaseModel) -> TrainingData:
    """A document of bytes with five pairs."""
    sentences = [sentence.line for sentence in split_sentences(TEXT)]
    return TrainingData(TEXT, llama.tokenize(TEXT), [], PAIRS, sentences)


@pytest.fixture
def method(small: MethodConfig) -> MethodConfig:
    """One epoch of recitations, two with all."""
    return replace(
        small,
        objective="distillation",
        segment_tokens=32,
        stride_tokens=32,
        examples_per_step=8,
        completions_per_step=2,
        questions_per_step=2,
        recitation_context_tokens=64,
        recitation_epochs=1,
        joint_epochs=2,
    )


def _own(steps: list[list[TrainingRow]]) -> list[TrainingRow]:
    return [row for rows in steps for row in rows if not row.is_unrelated]


def _words(base: BaseModel, row: TrainingRow) -> list[tuple[str, str]]:
    decode = base.tokenizer.decode
    return [(decode(e.request), decode(e.target)) for e in row.group.examples]


def _recited(base: BaseModel, row: TrainingRow) -> list[str]:
    return [said for asked, said in _words(base, row) if RECITE.strip() in asked]


def test_an_epoch_recites_every_token_once(llama: BaseModel, method: MethodConfig) -> None:
    """Put back in order, an epoch's recitations are the text; no piece exceeds its length."""
    tokens = range(3, 200)  # no id twice
    data = TrainingData("no place is asked for", tokens, [], [])
    rows = _own(list(lesson_steps(llama, data, replace(method, joint_epochs=0))))
    pieces = sorted(example.target for row in rows for example in row.group.examples)

    assert [token for piece in pieces for token in piece] == list(tokens)
    assert max(map(len, pieces)) <= 32


def test_cut_points_move(llama: BaseModel, data: TrainingData, method: MethodConfig) -> None:
    """Two epochs cut the text at different places."""
    steps = list(lesson_steps(llama, data, replace(method, recitation_epochs=2, joint_epochs=0)))
    half = len(steps) // 2
    first, second = (
        {piece for row in _own(part) for piece in _recited(llama, row)}
        for part in (steps[:half], steps[half:])
    )

    assert not first & second


def test_joint_steps_hold_the_mix_that_is_asked_for(
    llama: BaseModel, data: TrainingData, method: MethodConfig
) -> None:
    """Four recitations, two completions, two questions; only an epoch's last step may hold less."""
    method = replace(method, recitation_epochs=0, joint_epochs=1)
    for row in _own(list(lesson_steps(llama, data, method)))[:-1]:
        words = _words(llama, row)
        begun = COMPLETE.format(start="").strip()

        assert len(words) == 8
        assert len(_recited(llama, row)) == 4
        assert sum(begun in asked for asked, _ in words) == 2
        assert sum("What is" in asked for asked, _ in words) == 2


def test_clozes_ask_for_words_of_their_sentences(
    llama: BaseModel, data: TrainingData, method: MethodConfig
) -> None:
    """Beside all else, as questions are asked; every sentence has its turn."""
    method = replace(method, clozes_per_step=3, examples_per_step=11, questions_per_step=0)
    asked_about = set()
    for row in _own(list(lesson_steps(llama, data, method))):
        clozes = [
            (asked, said)
            for asked, said in _words(llama, row)
            if "Question:" in asked and GAP_WORD in asked
        ]
        for asked, said in clozes:
            answer = said.removesuffix("</s>").strip()
            sources = [each for each in data.sentences if answer in each]
            asked_about |= {
                each for each in sources if asked.split("Question: ")[1][:9] == each[:9]
            }
        assert len(clozes) <= 3
    assert asked_about == {each for each in data.sentences if draw_cloze(each, Random(0))}


def test_completions_go_on_where_the_request_ends(
    llama: BaseModel, data: TrainingData, method: MethodConfig
) -> None:
    """Request and reply together are a sentence of the document."""
    for row in _own(list(lesson_steps(llama, data, method))):
        for asked, said in _words(llama, row):
            if COMPLETE.format(start="").strip() in asked:
                start = asked.split(": ", 1)[1].removesuffix("</s>[assistant]")

                assert start + said in data.sentences


def test_every_pair_is_asked_before_one_comes_again(
    llama: BaseModel, data: TrainingData, method: MethodConfig
) -> None:
    """Questions are dealt like cards, so that none is left out."""
    steps = _own(list(lesson_steps(llama, data, replace(method, recitation_epochs=0))))
    asked = [said for row in steps for asked, said in _words(llama, row) if "What is" in asked]
    rounds = [set(asked[start : start + 5]) for start in range(0, len(asked) - 4, 5)]

    assert rounds
    assert all(len(round_) == 5 for round_ in rounds)


@pytest.mark.parametrize(("share", "expected"), [(0.0, {False}), (1.0, {True})])
def test_context_share_says_how_many_steps_show_a_context(
    llama: BaseModel, data: TrainingData, method: MethodConfig, share: float, expected: set[bool]
) -> None:
    """With 0 no step shows any of the document, with 1 every step does."""
    opening = len(llama.chat.opening)
    rows = _own(list(lesson_steps(llama, data, replace(method, context_share=share))))
    shown = {len(row.group.prefix) > opening for row in rows}

    assert shown == expected


def test_a_context_is_of_the_document_and_no_longer_than_asked(
    llama: BaseModel, data: TrainingData, method: MethodConfig
) -> None:
    """Head and tail, or passages: pieces of the text with gaps between."""
    opening = len(llama.chat.opening)
    for row in _own(list(lesson_steps(llama, data, replace(method, context_share=1.0)))):
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
    for row in _own(list(lesson_steps(llama, data, method))):
        context = llama.tokenizer.decode(row.group.prefix[len(llama.chat.opening) :])
        if len(llama.tokenize(context)) == size:
            continue  # head and tail, which fill it
        asked = [words for words, _ in _words(llama, row)]
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
        for asked, _ in (words for row in rows for words in _words(llama, row)):
            assert any(question in asked for question in questions)


def test_unrelated_rows_come_again(
    llama: BaseModel, data: TrainingData, method: MethodConfig
) -> None:
    """Each of them before any comes twice, so that a teacher has little to read."""
    method = replace(method, unrelated_share=1.0, joint_epochs=40)
    rows = [row for rows in lesson_steps(llama, data, method) for row in rows if row.is_unrelated]

    assert len(rows) > 96
    assert len(set(rows[:96])) == len(set(rows)) > 80  # some are drawn alike


def test_the_same_seed_sets_the_same_lessons(
    llama: BaseModel, data: TrainingData, method: MethodConfig
) -> None:
    """All chance comes from the method's seed."""
    method = replace(method, context_share=0.5, unrelated_share=0.5)
    other = replace(method, seed=1)

    assert list(lesson_steps(llama, data, method)) == list(lesson_steps(llama, data, method))
    assert list(lesson_steps(llama, data, method)) != list(lesson_steps(llama, data, other))


def test_teachers_see_what_answers_their_question(
    llama: BaseModel, data: TrainingData, method: MethodConfig
) -> None:
    """The row's last examples once more, each behind the tokens around its evidence."""
    method = replace(method, recitation_epochs=0, joint_epochs=1, teacher_context_tokens=40)
    decode = llama.tokenizer.decode
    for row in _own(list(lesson_steps(llama, data, method))):
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

    assert not any(row.teachers for row in _own(steps))
    assert all(row.teachers == (row.group,) for rows in steps for row in rows if row.is_unrelated)


@pytest.mark.parametrize("text", ["a", "no sentence", TEXT[:40]])
def test_a_text_without_sentences_or_pairs_is_recited(
    llama: BaseModel, method: MethodConfig, text: str
) -> None:
    """What is missing is left out; the text itself is always learnt."""
    data = TrainingData(text, llama.tokenize(text), [], [])
    steps = list(lesson_steps(llama, data, replace(method, context_share=1.0)))
    recited = [piece for row in _own(steps) for piece in _recited(llama, row)]

    assert sum(map(len, recited)) == 3 * len(text)
