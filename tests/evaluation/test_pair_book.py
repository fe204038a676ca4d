"""Question/answer pairs that the methods of one run share."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from app.evaluation.pair_book import PairBook
from app.evaluation.shelf import Shelf
from app.lift import synthesis
from app.lift.base_model import BaseModel
from app.lift.config import MethodConfig
from app.lift.observer import QAPair, Stage
from tests.evaluation.corpora import LAMP, PLUM
from tests.lift.observers import Recorder
from tests.lift.some_pairs import LONG_TEXT, some_pairs

TOWER = replace(LAMP, text=LONG_TEXT)


class Interrupted(Recorder):
    """Ends the lift at the second batch of pairs, before anybody has kept it."""

    def progressed(self, completed: int) -> None:
        if len(self.num_tried) == 1:
            raise InterruptedError


class Late(Recorder):
    """Must not hear of pairs."""

    def pairs_written(self, pairs: Sequence[QAPair], num_tried: int) -> None:
        raise AssertionError("they were written before")


@pytest.fixture
def method(small: MethodConfig) -> MethodConfig:
    return replace(small, num_qa_pairs=9, num_held_back_pairs=2, recitation_epochs=0)


@pytest.fixture(autouse=True)
def _usable_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A random model writes none."""
    monkeypatch.setattr(synthesis, "write_pairs", some_pairs)


def book_of(folder: Path) -> PairBook:
    (file,) = folder.glob("pairs-*.jsonl")
    return PairBook(file)


def test_second_method_trains_on_the_pairs_of_the_first(
    tmp_path: Path, llama: BaseModel, method: MethodConfig
) -> None:
    """None is written anew, and the seconds that they took count for both."""
    first, second, shelf = Recorder(), Late(), Shelf(tmp_path, llama)
    rival = replace(method, memory_kind="lora", learning_rate=1e-4)
    shelf.memory(TOWER, method, "quick", lambda: first)
    book = book_of(tmp_path)
    book.add([], book.earlier.num_tried, 1_000.0)
    shelf.memory(TOWER, rival, "quick", lambda: second)
    trained, compared = shelf.training(TOWER, method), shelf.training(TOWER, rival)

    assert first.pairs
    assert list(book_of(tmp_path).earlier.pairs) == first.pairs
    assert (Stage.SYNTHESISE, len(first.pairs)) in second.begun
    assert trained
    assert compared
    assert compared.num_qa_pairs == trained.num_qa_pairs
    assert trained.seconds < 1_000 < compared.seconds


def test_interrupted_writing_goes_on_behind_the_last_batch(
    tmp_path: Path, llama: BaseModel, method: MethodConfig
) -> None:
    """And gives the pairs of a writing in one go."""
    whole, rest = Recorder(), Recorder()
    Shelf(tmp_path / "whole", llama).memory(TOWER, method, "quick", lambda: whole)
    shelf = Shelf(tmp_path / "torn", llama)
    with pytest.raises(InterruptedError):
        shelf.memory(TOWER, method, "quick", Interrupted)
    kept = book_of(tmp_path / "torn").earlier
    shelf.memory(TOWER, method, "quick", lambda: rest)
    trained = shelf.training(TOWER, method)
    at_once = Shelf(tmp_path / "whole", llama).training(TOWER, method)

    assert 0 < kept.num_tried < whole.num_tried[-1]
    assert [*kept.pairs, *rest.pairs] == whole.pairs
    assert trained
    assert at_once
    assert trained.losses == at_once.losses


@pytest.mark.parametrize(
    "change",
    [{"num_qa_pairs": 3}, {"qa_sentences": 2}, {"seed": 5}],
)
def test_what_decides_pairs_has_a_book_of_its_own(
    tmp_path: Path, llama: BaseModel, method: MethodConfig, change: dict[str, object]
) -> None:
    """Also another document's."""
    shelf = Shelf(tmp_path, llama)
    shelf.memory(TOWER, method, "quick", Recorder)
    shelf.memory(TOWER, replace(method, **change), "quick", Recorder)  # type: ignore[arg-type]
    shelf.memory(PLUM, method, "quick", Recorder)

    assert len(list(tmp_path.glob("pairs-*.jsonl"))) == 3
