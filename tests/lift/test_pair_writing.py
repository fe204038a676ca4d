"""Pairs are written in one go: questions as the model likes, answers in the evidence's words."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from app.lift.base_model import BaseModel
from app.lift.pair_writing import (
    Draft,
    Saying,
    Writer,
    answers,
    asks_about,
    copy_span,
    next_tokens,
    write_pairs,
)
from app.lift.prompts import ANSWER_START
from app.lift.sentences import split_sentences
from tests.lift.conftest import TEXT, cached_base

EVIDENCE = "The lamp of the tower was lit by Mirel Tand each evening."
(LAMP,) = [each for each in split_sentences(TEXT) if each.line == EVIDENCE]
DRAFT = Draft(TEXT, LAMP)
QUESTION = " Who lit the lamp of the tower?"


@pytest.mark.parametrize(
    ("question", "answer", "usable"),
    [
        ("Who lit the lamp of the tower?", "Mirel Tand", True),
        ("Who lit the lamp of the tower", "Mirel Tand", False),
        ("Who lit the lamp\0 of the tower?", "Mirel Tand", False),
        ("", "Mirel Tand", False),
        ("Who lit the lamp of the tower?", "", False),
        ("Who lit the lamp of the tower?", "Bram Odd", False),
        ("Who lit the lamp of the tower?", "Mirel Tan", False),
        ("Who lit the lamp of the tower?", EVIDENCE, False),
        ("When did Mirel Tand climb the tower?", "Mirel Tand", False),
        ("What wheels did the miller's oxen turn?", "Mirel Tand", False),
    ],
)
def test_only_usable_pairs_are_kept(question: str, answer: str, usable: bool) -> None:
    """A pair asks about its passage, and its answer is a part of its evidence, in whole words."""
    kept = asks_about(question, TEXT) and answers(answer, EVIDENCE, question)

    assert kept is usable


def _said(base: BaseModel, saying: Saying, likings: list[Tensor]) -> list[int]:
    """Let a saying run to its end; logits come from `likings` in turn, then the last again."""
    try:
        next(saying)
        for step in range(1, 100):
            saying.send(likings[min(step, len(likings) - 1)])
    except StopIteration as end:
        ids: list[int] = end.value
        return ids
    raise AssertionError("it never ended")


@given(st.integers(0, 1000), st.integers(1, 40))
def test_a_span_is_of_its_source_whatever_the_model_likes(seed: int, most: int) -> None:
    """It says words of the source from a word's start, no more tokens than allowed."""
    base = cached_base("llama")
    generator = torch.Generator().manual_seed(seed)
    size = base.model.config.vocab_size
    likings = [torch.randn(size, generator=generator) for _ in range(8)]
    ids = _said(base, copy_span(base, EVIDENCE, most, likings[0]), likings)
    words = base.tokenizer.decode(ids)

    assert f" {EVIDENCE}".find(words) >= 0
    assert words.startswith(" ")
    assert 1 <= len(ids) <= most


def _liking(base: BaseModel, *wanted: int) -> Tensor:
    """Logits that like these tokens most, the first best."""
    logits = torch.zeros(base.model.config.vocab_size)
    logits[list(wanted)] = torch.arange(len(wanted), 0, -1).float()
    return logits


def test_a_span_ends_with_its_source(llama: BaseModel) -> None:
    """At the end of the source there is nothing left to say."""
    likes_all = torch.zeros(llama.model.config.vocab_size)

    assert llama.tokenizer.decode(_said(llama, copy_span(llama, "ab", 40, likes_all), [likes_all]))
    assert len(_said(llama, copy_span(llama, "ab", 40, likes_all), [likes_all])) <= 3


def _written(base: BaseModel, wanted: str) -> tuple[Writer, str]:
    """Let a writer work with a model that wants to say `wanted`, then a new line for ever."""
    writer = Writer(base, DRAFT, max_answer_tokens=40)
    ids = [*base.tokenize(wanted), *[base.tokenize("\n")[-1]] * 100]
    said: list[int] = []
    while not said or said[-1] not in base.stop_ids:
        said.append(writer.next_token(_liking(base, ids[len(said)])))
    return writer, base.tokenizer.decode(said[:-1])


def test_a_pair_is_written_in_one_go(llama: BaseModel) -> None:
    """Question, the call for an answer, answer: all in one row, and then nothing more."""
    writer, said = _written(llama, f"{QUESTION}{ANSWER_START} Mirel Tand\n")

    assert (writer.question, writer.answer) == (QUESTION.strip(), "Mirel Tand")
    assert said == f"{QUESTION}{ANSWER_START} Mirel Tand"
    assert writer.next_token(_liking(llama, 0)) in llama.stop_ids


@pytest.mark.parametrize(
    "wanted",
    [
        " Who lit the lamp of the tower\n",
        " What do wolves and badgers dream of?",
        " The lamp of the tower was lit and lit and lit and lit and lit and lit",
        "",
    ],
    ids=["no question mark", "another matter", "no end", "nothing"],
)
def test_what_is_no_question_about_the_passage_gets_no_answer(
    llama: BaseModel, wanted: str
) -> None:
    """The row stops there."""
    writer, said = _written(llama, wanted)

    assert writer.answer == ""
    assert ANSWER_START not in said


def test_rows_go_at_their_own_pace(llama: BaseModel) -> None:
    """A long question, a short one and none, side by side: each ends as it would alone."""
    wishes = [
        f"{QUESTION}{ANSWER_START} Mirel Tand\n",
        f" Who lit the lamp?{ANSWER_START} each evening\n",
        " Nothing to ask\n",
    ]
    writers = [Writer(llama, DRAFT, max_answer_tokens=40) for _ in wishes]
    new_line = llama.tokenize("\n")[-1]
    wanted = [[*llama.tokenize(wish), *[new_line] * 100] for wish in wishes]
    for step in range(100):
        logits = torch.stack([_liking(llama, ids[step]) for ids in wanted])
        next_tokens(writers, logits)

    assert [(each.question, each.answer) for each in writers] == [
        ("Who lit the lamp of the tower?", "Mirel Tand"),
        ("Who lit the lamp?", "each evening"),
        ("", ""),
    ]


def test_drafts_of_a_model_that_asks_nothing_give_no_pairs(llama: BaseModel) -> None:
    """A model of random weights hardly writes a question: no pair is made up for it."""
    assert list(write_pairs(llama, [DRAFT], "general")) == []
