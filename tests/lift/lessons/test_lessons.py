"""The lessons of distillation: the whole document each epoch, in the mix that is asked for."""

from dataclasses import replace
from random import Random

import pytest

from app.lift.base_model import BaseModel
from app.lift.cloze import GAP_WORD, draw_cloze
from app.lift.config import MethodConfig
from app.lift.examples import TrainingData, TrainingRow
from app.lift.lessons import lesson_steps
from app.lift.prompts import COMPLETE, RECITE
from tests.lift.conftest import TEXT
from tests.lift.lessons.conftest import own_rows, words_of


def _recited(base: BaseModel, row: TrainingRow) -> list[str]:
    return [said for asked, said in words_of(base, row) if RECITE.strip() in asked]


def test_an_epoch_recites_every_token_once(llama: BaseModel, method: MethodConfig) -> None:
    """Put back in order, an epoch's recitations are the text; no piece exceeds its length."""
    tokens = range(3, 200)  # no id twice
    data = TrainingData("no place is asked for", tokens, [], [])
    rows = own_rows(list(lesson_steps(llama, data, replace(method, joint_epochs=0))))
    pieces = sorted(example.target for row in rows for example in row.group.examples)

    assert [token for piece in pieces for token in piece] == list(tokens)
    assert max(map(len, pieces)) <= 32


def test_cut_points_move(llama: BaseModel, data: TrainingData, method: MethodConfig) -> None:
    """Two epochs cut the text at different places."""
    steps = list(lesson_steps(llama, data, replace(method, recitation_epochs=2, joint_epochs=0)))
    half = len(steps) // 2
    first, second = (
        {piece for row in own_rows(part) for piece in _recited(llama, row)}
        for part in (steps[:half], steps[half:])
    )

    assert not first & second


def test_joint_steps_hold_the_mix_that_is_asked_for(
    llama: BaseModel, data: TrainingData, method: MethodConfig
) -> None:
    """Four recitations, two completions, two questions; only an epoch's last step may hold less."""
    method = replace(method, recitation_epochs=0, joint_epochs=1)
    for row in own_rows(list(lesson_steps(llama, data, method)))[:-1]:
        words = words_of(llama, row)
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
    for row in own_rows(list(lesson_steps(llama, data, method))):
        clozes = [
            (asked, said)
            for asked, said in words_of(llama, row)
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
    for row in own_rows(list(lesson_steps(llama, data, method))):
        for asked, said in words_of(llama, row):
            if COMPLETE.format(start="").strip() in asked:
                start = asked.split(": ", 1)[1].removesuffix("</s>[assistant]")

                assert start + said in data.sentences


def test_every_pair_is_asked_before_one_comes_again(
    llama: BaseModel, data: TrainingData, method: MethodConfig
) -> None:
    """Questions are dealt like cards, so that none is left out."""
    steps = own_rows(list(lesson_steps(llama, data, replace(method, recitation_epochs=0))))
    asked = [said for row in steps for asked, said in words_of(llama, row) if "What is" in asked]
    rounds = [set(asked[start : start + 5]) for start in range(0, len(asked) - 4, 5)]

    assert rounds
    assert all(len(round_) == 5 for round_ in rounds)


def test_the_same_seed_sets_the_same_lessons(
    llama: BaseModel, data: TrainingData, method: MethodConfig
) -> None:
    """All chance comes from the method's seed."""
    method = replace(method, context_share=0.5, unrelated_share=0.5)
    other = replace(method, seed=1)

    assert list(lesson_steps(llama, data, method)) == list(lesson_steps(llama, data, method))
    assert list(lesson_steps(llama, data, method)) != list(lesson_steps(llama, data, other))


@pytest.mark.parametrize("text", ["a", "no sentence", TEXT[:40]])
def test_a_text_without_sentences_or_pairs_is_recited(
    llama: BaseModel, method: MethodConfig, text: str
) -> None:
    """What is missing is left out; the text itself is always learnt."""
    data = TrainingData(text, llama.tokenize(text), [], [])
    steps = list(lesson_steps(llama, data, replace(method, context_share=1.0)))
    recited = [piece for row in own_rows(steps) for piece in _recited(llama, row)]

    assert sum(map(len, recited)) == 3 * len(text)
