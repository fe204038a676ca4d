"""The auxiliary task: how many pairs, and which are held back."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from app.lift import synthesis
from app.lift.auxiliary import num_training_pairs
from app.lift.base_model import BaseModel
from app.lift.config import MethodConfig, QuestionStyle
from app.lift.earlier import Earlier
from app.lift.errors import DocumentError
from app.lift.observer import QAPair, Stage
from app.lift.pair_writing import Draft
from tests.lift.conftest import TEXT
from tests.lift.observers import Recorder
from tests.lift.some_pairs import write_all


@pytest.mark.parametrize(
    ("per_pair", "expected"), [(None, 10), (100, 30), (99, 31), (1000, 10), (3000, 10)]
)
def test_a_longer_text_gets_more_pairs_where_asked(per_pair: int | None, expected: int) -> None:
    """One pair for so many tokens begun, but never fewer than the number that is asked for."""
    method = MethodConfig(num_qa_pairs=10, tokens_per_qa_pair=per_pair)

    assert num_training_pairs(3000, method) == expected


def test_index_task_asks_for_paragraphs(llama: BaseModel, small: MethodConfig) -> None:
    """With the task passage-index the answers are numbers of paragraphs."""
    text = "Paragraph 1: The lamp was lit.\n\nParagraph 2: The goats were sent on."
    method = replace(small, auxiliary_task="passage-index", num_qa_pairs=5)
    pairs = write_all(llama, text, method, Recorder())

    assert [pair.answer.rstrip("12") for pair in pairs] == ["Paragraph "] * 5
    assert {pair.answer for pair in pairs} == {"Paragraph 1", "Paragraph 2"}
    assert all(text.startswith(pair.evidence, pair.start) for pair in pairs)


def test_index_task_refuses_a_text_without_numbers(llama: BaseModel, small: MethodConfig) -> None:
    """Without numbered paragraphs there is nothing to find; the message shows how they begin."""
    method = replace(small, auxiliary_task="passage-index")

    with pytest.raises(DocumentError, match="begin with 'Paragraph 1:'"):
        write_all(llama, TEXT, method, Recorder())


def test_pairs_that_are_written_prove_themselves(llama: BaseModel, small: MethodConfig) -> None:
    """Evidence stands in the text where the pair says; a random model's junk is dropped."""
    recorder = Recorder()
    pairs = write_all(llama, TEXT, small, recorder)

    assert pairs == recorder.pairs
    assert all(TEXT.startswith(pair.evidence, pair.start) for pair in pairs)
    assert all(pair.answer in pair.evidence for pair in pairs)
    assert recorder.stages == [(Stage.SYNTHESISE, small.num_qa_pairs)]


@pytest.mark.parametrize(
    ("wanted", "held_back", "expected"),
    [(3, 2, [False, False, False, True, True]), (4, 9, [False] * 4 + [True]), (0, 1, [True])],
)
def test_pairs_beyond_those_for_training_are_held_back(
    llama: BaseModel,
    small: MethodConfig,
    monkeypatch: pytest.MonkeyPatch,
    wanted: int,
    held_back: int,
    expected: list[bool],
) -> None:
    """Training comes first where a text is too short for all; each pair is told with its mark."""
    monkeypatch.setattr(synthesis, "write_pairs", _one_pair_a_draft)
    recorder = Recorder()
    method = replace(small, num_qa_pairs=wanted, num_held_back_pairs=held_back)
    pairs = write_all(llama, TEXT, method, recorder)

    assert [pair.is_held_back for pair in pairs] == expected
    assert pairs == recorder.pairs


def test_holding_pairs_back_changes_no_pair_for_training(
    llama: BaseModel, small: MethodConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pairs to train on are those of the same settings without held-back ones."""
    monkeypatch.setattr(synthesis, "write_pairs", _one_pair_a_draft)
    alone = write_all(llama, TEXT, small, Recorder())
    with_more = write_all(llama, TEXT, replace(small, num_held_back_pairs=2), Recorder(), Earlier())

    assert alone == [pair for pair in with_more if not pair.is_held_back]


def _one_pair_a_draft(
    _: BaseModel, drafts: Sequence[Draft], style: QuestionStyle
) -> Iterator[QAPair]:
    # A random model writes no usable pair.
    for draft in drafts:
        yield QAPair("What?", "That.", draft.evidence.text, draft.evidence.start)


@pytest.mark.parametrize("text", ["", "\n\n", "Too short."])
def test_a_text_without_sentences_gives_no_pairs(
    llama: BaseModel, small: MethodConfig, text: str
) -> None:
    """There is nothing to ask about; that is no error."""
    assert write_all(llama, text, small, Recorder()) == []
