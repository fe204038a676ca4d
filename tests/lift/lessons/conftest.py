"""A document of bytes, its lessons, and what they say in words."""

from dataclasses import replace

import pytest

from app.lift.base_model import BaseModel
from app.lift.config import MethodConfig
from app.lift.examples import TrainingData, TrainingRow
from app.lift.observer import QAPair
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


def own_rows(steps: list[list[TrainingRow]]) -> list[TrainingRow]:
    """The rows that are about the document."""
    return [row for rows in steps for row in rows if not row.is_unrelated]


def words_of(base: BaseModel, row: TrainingRow) -> list[tuple[str, str]]:
    """What a row's examples ask and say."""
    decode = base.tokenizer.decode
    return [(decode(e.request), decode(e.target)) for e in row.group.examples]
