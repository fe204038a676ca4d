"""A lift that is interrupted anywhere and goes on gives what it would have given in one go."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import get_args

import pytest
import torch
from torch import nn

from app.lift import lessons, passage_index, synthesis
from app.lift.adapter import Lifted, write_reader
from app.lift.base_model import BaseModel
from app.lift.config import AuxiliaryTask, MemoryKind, MethodConfig, Objective
from app.lift.elsewhere import Passage
from app.lift.errors import CheckpointError
from app.lift.examples import ExampleGroup
from app.lift.kinds import new_memory
from app.lift.observer import Stage
from app.lift.pipeline import lift_document, prepare
from app.lift.reader import Reader, load_reader
from app.lift.teacher import Teacher
from app.lift.trainer import plan_steps
from tests.lift.conftest import TEXT
from tests.lift.observers import Keeper, Recorder
from tests.lift.some_pairs import LONG_TEXT, some_pairs, write_all

PARAGRAPHS = "\n\n".join(f"Paragraph {n}: Lamp {n} was lit by day." for n in range(1, 6))
SHORT_PASSAGES = tuple(
    Passage("note", f"{thing} floats.", ((f"Does {thing} float?", "Yes"),))
    for thing in ("Ash", "Cork", "Pine")
)
NEXT_TOKEN = {"recitations_per_context": 4, "examples_per_step": 9}
DISTILLATION = {
    "objective": "distillation",
    "segment_tokens": 64,
    "stride_tokens": 64,
    "questions_per_step": 2,
    "context_share": 0.5,
    "unrelated_share": 0.7,
    "gate_weight": 0.1,
    "teacher_context_tokens": 40,
}


@pytest.fixture(params=get_args(MemoryKind))
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of memory in turn."""
    return request.param


@pytest.fixture(params=get_args(Objective))
def objective(request: pytest.FixtureRequest) -> str:
    """Each objective in turn."""
    return request.param


@pytest.fixture
def method(small: MethodConfig, kind: str, objective: str) -> MethodConfig:
    """Few steps, large enough to be told apart, the learning rate climbing and falling."""
    return replace(
        small,
        memory_kind=kind,
        lora_rank=4,
        memory_init_scale=4.0,
        num_qa_pairs=1,
        num_held_back_pairs=1,
        recitation_epochs=1,
        joint_epochs=2,
        learning_rate=1e-2,
        warmup_steps=2,
        final_learning_rate_fraction=0.2,
        **(NEXT_TOKEN if objective == "next-token" else DISTILLATION),
    )


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Usable pairs for some sentences, and short unrelated texts, two of which come again."""
    monkeypatch.setattr(synthesis, "write_pairs", some_pairs)
    monkeypatch.setattr(passage_index, "_SUMMARY_TOKENS", 8)
    monkeypatch.setattr(lessons, "load_passages", lambda: SHORT_PASSAGES)
    monkeypatch.setattr(lessons, "_UNRELATED_ROWS", 2)


@pytest.fixture(params=["new", "from a reader"])
def reader(
    request: pytest.FixtureRequest, llama: BaseModel, method: MethodConfig, tmp_path: Path
) -> Reader | None:
    """No reader, or one that stands elsewhere than a new memory."""
    if request.param == "new":
        return None
    memory = new_memory(llama, replace(method, seed=5))
    with torch.no_grad():
        for weight in memory.parameters():
            weight += 0.05
    path = tmp_path / "reader.safetensors"
    lifted = Lifted(memory, llama, method, 900, 5, 4_000, (3.0,))
    write_reader(path, lifted, num_documents=3, preset="quick", created_at="")
    return load_reader(path, llama, method)


@pytest.mark.usefixtures("_short")
def test_lift_in_pieces_equals_lift_in_one_go(
    llama: BaseModel, method: MethodConfig, reader: Reader | None, tmp_path: Path
) -> None:
    """Ended at every batch of pairs and at every step: the same pairs, losses and weights."""
    at_once, keeper = Recorder(), Keeper(tmp_path)
    whole = lift_document(TEXT, llama, method, at_once, reader)
    pieces = keeper.in_pieces(
        lambda: lift_document(TEXT, llama, method, keeper, reader, keeper.earlier)
    )

    assert keeper.lifts == len(at_once.num_tried) + len(at_once.steps) > 6
    assert same(pieces.memory, whole.memory)
    assert replace(pieces, memory=whole.memory) == whole
    assert (keeper.pairs, keeper.num_tried) == (at_once.pairs, at_once.num_tried)
    assert keeper.steps == at_once.steps


def same(first: nn.Module, second: nn.Module) -> bool:
    one, other = first.state_dict(), second.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("task", "text"), [("questions", LONG_TEXT), ("passage-index", PARAGRAPHS)]
)
@pytest.mark.usefixtures("_short")
def test_pairs_in_pieces_equal_pairs_in_one_go(
    llama: BaseModel, small: MethodConfig, tmp_path: Path, task: AuxiliaryTask, text: str
) -> None:
    """Ended at every batch: the same sentences are tried, in the same company."""
    method = replace(small, auxiliary_task=task, num_qa_pairs=14, num_held_back_pairs=4)
    at_once, keeper = Recorder(), Keeper(tmp_path)
    whole = write_all(llama, text, method, at_once)
    pieces = keeper.in_pieces(lambda: write_all(llama, text, method, keeper, keeper.earlier))

    assert keeper.lifts == len(at_once.num_tried) > 2
    assert pieces == whole == at_once.pairs
    assert (keeper.pairs, keeper.num_tried) == (at_once.pairs, at_once.num_tried)


def test_a_batch_that_gave_no_pair_is_told(llama: BaseModel, small: MethodConfig) -> None:
    """A random model's junk is dropped; a lift that goes on need not try it again."""
    recorder = Recorder()
    pairs = write_all(llama, TEXT, small, recorder)

    assert pairs == []
    assert recorder.num_tried == [2, 4, 5]


@pytest.mark.usefixtures("_short")
def test_stages_begin_where_the_earlier_lift_was(
    llama: BaseModel, small: MethodConfig, tmp_path: Path
) -> None:
    """Nobody sees progress go back."""
    method = replace(small, auxiliary_task="passage-index", num_qa_pairs=9, joint_epochs=0)
    keeper = Keeper(tmp_path)
    keeper.in_pieces(
        lambda: lift_document(PARAGRAPHS, llama, method, keeper, earlier=keeper.earlier)
    )
    written, trained = (
        [completed for stage, completed in keeper.begun if stage is wanted]
        for wanted in (Stage.SYNTHESISE, Stage.TRAIN)
    )

    assert written == [0, 8] + [9] * len(keeper.steps)
    assert trained == [0, *range(len(keeper.steps))]


@pytest.mark.parametrize("objective", ["distillation"])
@pytest.mark.parametrize("kind", ["gated-memory"])
@pytest.mark.parametrize("num_left", [0, 1])
@pytest.mark.usefixtures("_short")
def test_steps_that_were_taken_cost_nothing(
    llama: BaseModel,
    method: MethodConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    num_left: int,
) -> None:
    """The teacher reads for the steps that are left, and nothing goes through the model for others.

    What it had read before is read again, and not counted again.
    """
    keeper = Keeper(tmp_path)
    lift = partial(lift_document, TEXT, llama, method)
    whole = keeper.in_pieces(lambda: lift(keeper, earlier=keeper.earlier))
    num_taken = len(keeper.steps) - num_left
    stopped = replace(keeper.earlier, checkpoint=tmp_path / f"{num_taken}.safetensors")
    read: list[ExampleGroup] = []
    really_read = Teacher._read

    def noted(teacher: Teacher, group: ExampleGroup) -> object:
        read.append(group)
        return really_read(teacher, group)

    monkeypatch.setattr(Teacher, "_read", noted)
    passes: list[None] = []
    with llama.decoder.register_forward_pre_hook(lambda *_: passes.append(None)):
        lifted = lift(Recorder(), earlier=stopped)
    trained = [pair for pair in stopped.pairs if not pair.is_held_back]
    planned = list(plan_steps(llama, prepare(TEXT, llama, method, trained), method))
    left = [row for rows in planned[num_taken:] for row in rows]

    assert set(read) == {group for row in left for group in row.teachers}
    assert len(passes) == len(left) + len(read)
    assert lifted.tokens_processed == whole.tokens_processed


@pytest.mark.parametrize("objective", ["next-token"])
@pytest.mark.parametrize("kind", ["gated-memory"])
@pytest.mark.usefixtures("_short")
def test_a_checkpoint_of_other_pairs_ends_the_lift(
    llama: BaseModel, method: MethodConfig, tmp_path: Path
) -> None:
    """It is told before training begins, so that training can begin anew with the same pairs."""
    keeper, recorder = Keeper(tmp_path), Recorder()
    keeper.in_pieces(lambda: lift_document(TEXT, llama, method, keeper, earlier=keeper.earlier))
    others = [replace(pair, answer="the lamp") for pair in keeper.earlier.pairs]
    with pytest.raises(CheckpointError, match=r"of another training, with another pairs_sha256"):
        lift_document(TEXT, llama, method, recorder, earlier=replace(keeper.earlier, pairs=others))

    assert [stage for stage, _ in recorder.stages] == [Stage.SEGMENT, Stage.SYNTHESISE]
