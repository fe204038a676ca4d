"""Training on what has changed in a text, from the memory of the text before."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from app.lift import former, synthesis
from app.lift.adapter import write_adapter
from app.lift.base_model import BaseModel
from app.lift.config import MethodConfig
from app.lift.errors import FormerError
from app.lift.files import file_sha256
from app.lift.former import Former, load_former
from app.lift.memory import GatedMemory
from app.lift.pipeline import lift_document
from tests.lift.conftest import cached_base
from tests.lift.observers import Keeper, Recorder
from tests.lift.some_pairs import LONG_TEXT, some_pairs

NEW = "A goat was tied to the gate of the tower by the clerk."
CHANGED = f"{LONG_TEXT} {NEW}"
LEAST = 300


@pytest.fixture(params=["next-token", "distillation"])
def method(small: MethodConfig, request: pytest.FixtureRequest) -> MethodConfig:
    """Either plan of training, with pairs for some sentences."""
    lessons = {"objective": request.param, "examples_per_step": 5, "questions_per_step": 1}
    return replace(small, num_qa_pairs=4, tokens_per_qa_pair=80, learning_rate=1e-2, **lessons)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A little rehearsal, and usable pairs for some sentences."""
    monkeypatch.setattr(former, "_LEAST_CHARACTERS", LEAST)
    monkeypatch.setattr(synthesis, "write_pairs", some_pairs)


@pytest.fixture
def adapter(tmp_path: Path, llama: BaseModel, method: MethodConfig) -> Path:
    """The memory of the text as it was before."""
    path = tmp_path / "former.safetensors"
    lifted = lift_document(LONG_TEXT, llama, method, Recorder())
    write_adapter(path, lifted, document_sha256="", preset="quick", created_at="")
    return path


def load(path: Path, base: BaseModel, method: MethodConfig, text: str = CHANGED) -> Former:
    return load_former(path, file_sha256(path), LONG_TEXT, text, base, method)


def weights(memory: object) -> torch.Tensor:
    assert isinstance(memory, GatedMemory)
    return torch.cat([each.detach().flatten().float() for each in memory.parameters()])


def test_only_what_is_new_and_some_of_the_rest_is_learnt(
    llama: BaseModel, method: MethodConfig, adapter: Path
) -> None:
    """Far fewer tokens and fewer pairs than for the whole, all of them in what is studied."""
    start, whole, part = load(adapter, llama, method), Recorder(), Recorder()
    anew = lift_document(CHANGED, llama, method, whole)
    again = lift_document(CHANGED, llama, method, part, former=start)
    spans = start.spans_to_study(CHANGED, method)

    assert again.tokens_processed < 0.5 * anew.tokens_processed
    assert again.num_tokens == anew.num_tokens == len(CHANGED)
    assert 0 < len(part.pairs) < len(whole.pairs)
    assert all(any(span.start <= pair.start < span.end for span in spans) for pair in part.pairs)
    assert again.former_sha256 == start.sha256
    assert anew.former_sha256 is None


def test_training_begins_at_the_former_memory(
    llama: BaseModel, method: MethodConfig, adapter: Path
) -> None:
    """With a learning rate of next to nothing it stays what it was; the former one never moves."""
    still = replace(method, learning_rate=1e-11)
    start = load(adapter, llama, method)
    before = weights(start.memory).clone()
    same = lift_document(CHANGED, llama, still, Recorder(), former=start)
    moved = lift_document(CHANGED, llama, method, Recorder(), former=start)

    torch.testing.assert_close(weights(same.memory), before, rtol=0, atol=1e-6)
    assert not torch.allclose(weights(moved.memory), before, rtol=0, atol=1e-3)
    assert torch.equal(weights(start.memory), before)


def test_steps_are_half_as_large(llama: BaseModel, method: MethodConfig, adapter: Path) -> None:
    """The settings that are kept with the memory are those that were asked for."""
    recorder = Recorder()
    again = lift_document(CHANGED, llama, method, recorder, former=load(adapter, llama, method))

    assert {step.learning_rate for step in recorder.steps} == {method.learning_rate / 2}
    assert again.method == method


def test_lift_from_a_former_memory_in_pieces_equals_one_in_one_go(
    llama: BaseModel, method: MethodConfig, adapter: Path, tmp_path: Path
) -> None:
    """A killed training goes on behind its last batch of pairs or step, from the same start."""
    start, keeper = load(adapter, llama, method), Keeper(tmp_path)
    whole = lift_document(CHANGED, llama, method, Recorder(), former=start)
    pieces = keeper.in_pieces(
        lambda: lift_document(CHANGED, llama, method, keeper, None, keeper.earlier, start)
    )

    assert keeper.lifts > 2
    assert torch.equal(weights(pieces.memory), weights(whole.memory))
    assert pieces.losses == whole.losses


def test_text_that_is_new_for_the_most_part_is_refused(
    llama: BaseModel, method: MethodConfig, adapter: Path
) -> None:
    """It is learnt anew at little more cost; the message tells how much."""
    longer = LONG_TEXT + " ".join(f"Goat number {n} was sold to the miller." for n in range(99))

    with pytest.raises(FormerError, match=r"^6\d% of the text is new to it$"):
        load(adapter, llama, method, longer)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"memory_width_factor": 3}, r"^its memory has memory_width_factor '2', not '3'$"),
        ({"memory_kind": "lora", "lora_rank": 2}, r"^its memory has memory_kind 'gated-memory'"),
    ],
)
def test_memory_of_another_form_is_refused(
    llama: BaseModel, method: MethodConfig, adapter: Path, change: dict[str, object], message: str
) -> None:
    """It cannot become what is asked for."""
    with pytest.raises(FormerError, match=message):
        load(adapter, llama, replace(method, **change))  # type: ignore[arg-type]


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_text("x")])
def test_damaged_file_is_refused(
    llama: BaseModel, method: MethodConfig, adapter: Path, damage: Callable[[Path], object]
) -> None:
    """Or one that is gone."""
    sha256 = file_sha256(adapter)
    damage(adapter)

    with pytest.raises(FormerError, match=r"^its memory cannot be used: "):
        load_former(adapter, sha256, LONG_TEXT, CHANGED, llama, method)


def test_memory_of_another_base_model_is_refused(method: MethodConfig, adapter: Path) -> None:
    """Its weights mean nothing there."""
    with pytest.raises(FormerError, match=r"was trained on the base model|does not fit"):
        load(adapter, cached_base("qwen3"), method)
