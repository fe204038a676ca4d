"""Training on what has changed in a text, from the memory of the text before."""

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

NEW = (
    "A goat was tied to the gate of the tower by the clerk. Nobody in the town saw who untied it. "
    "It was found on the roof of the mill."
)
CHANGED = f"{LONG_TEXT} {NEW}"
LEAST = 300
NUMBERED = "\n\n".join(f"Paragraph {n}: Lamp {n} was lit. Nobody saw it." for n in range(1, 9))


@pytest.fixture(params=["next-token", "distillation"])
def method(small: MethodConfig, request: pytest.FixtureRequest) -> MethodConfig:
    """Either plan of training, with pairs for some sentences."""
    lessons = {"objective": request.param, "examples_per_step": 5, "questions_per_step": 1}
    pairs = {"num_qa_pairs": 4, "tokens_per_qa_pair": 80}
    return replace(small, learning_rate=1e-2, kept_change=0.5, **pairs, **lessons)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A little rehearsal, and usable pairs for some sentences."""
    monkeypatch.setattr(former, "_LEAST_CHARACTERS", LEAST)
    monkeypatch.setattr(synthesis, "write_pairs", some_pairs)


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of memories that were trained."""
    return tmp_path_factory.mktemp("adapters")


@pytest.fixture
def adapter(adapters: Path, llama: BaseModel, method: MethodConfig) -> Path:
    """The memory of the text as it was before."""
    path = adapters / method.objective
    if not path.exists():
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
    (new,) = start.new

    assert again.tokens_processed < 0.5 * anew.tokens_processed
    assert again.num_tokens == anew.num_tokens == len(CHANGED)
    (written,) = part.pairs
    assert written.evidence in NEW
    assert CHANGED[new.start : new.end] == NEW
    assert len(whole.pairs) > 1
    assert again.former_sha256 == start.sha256
    assert anew.former_sha256 is None


def test_training_begins_at_the_former_memory(
    llama: BaseModel, method: MethodConfig, adapter: Path
) -> None:
    """With a learning rate of next to nothing it stays what it was; the former one never moves.

    The file's memory was drawn back: the training goes on at the whole of what had been learnt.
    """
    still = replace(method, learning_rate=1e-11)
    whole = lift_document(LONG_TEXT, llama, replace(method, kept_change=1.0), Recorder())
    start = load(adapter, llama, method)
    before = weights(start.memory).clone()
    same = lift_document(CHANGED, llama, still, Recorder(), former=start)
    moved = lift_document(CHANGED, llama, method, Recorder(), former=start)

    torch.testing.assert_close(weights(whole.memory), before, rtol=1e-2, atol=1e-6)  # bfloat16's
    torch.testing.assert_close(weights(same.memory), before * 0.5, rtol=0, atol=1e-6)
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

    with pytest.raises(FormerError, match=r"^6\d% of the text is new, or stands between what is$"):
        load(adapter, llama, method, longer)


def test_index_task_asks_about_paragraphs_that_have_changed(
    llama: BaseModel, small: MethodConfig, tmp_path: Path
) -> None:
    """Also where only a part of one is new."""
    method = replace(small, auxiliary_task="passage-index", num_qa_pairs=3)
    lifted = lift_document(NUMBERED, llama, method, Recorder())
    path, recorder = tmp_path / "numbered.safetensors", Recorder()
    info = write_adapter(path, lifted, document_sha256="", preset="quick", created_at="")
    text = NUMBERED.replace("Lamp 5 was lit. Nobody saw it.", "Lamp 5 was lit. Ann did.")
    start = load_former(path, info.sha256, NUMBERED, text, llama, method)
    lift_document(text, llama, method, recorder, former=start)

    assert {pair.answer for pair in recorder.pairs} == {"Paragraph 5"}


def test_text_without_anything_new_is_only_rehearsed(
    llama: BaseModel, method: MethodConfig, adapter: Path
) -> None:
    """No pairs are written; the memory is trained a little on."""
    recorder, shorter = Recorder(), LONG_TEXT[: LONG_TEXT.index("The roof")]
    start = load(adapter, llama, method, shorter)
    lifted = lift_document(shorter, llama, method, recorder, former=start)

    assert start.new == ()
    assert recorder.pairs == []
    assert recorder.steps
    assert lifted.num_tokens == len(shorter)


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


def test_damaged_file_is_refused(
    llama: BaseModel, method: MethodConfig, adapter: Path, tmp_path: Path
) -> None:
    """Its hash tells, whatever it holds."""
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(adapter.read_bytes()[:-1] + b"?")

    with pytest.raises(FormerError, match=r"^its memory cannot be used: .* is damaged"):
        load_former(damaged, file_sha256(adapter), LONG_TEXT, CHANGED, llama, method)


def test_memory_of_another_base_model_is_refused(method: MethodConfig, adapter: Path) -> None:
    """Its weights mean nothing there."""
    with pytest.raises(FormerError, match=r"^its memory cannot be used: .* was trained on the"):
        load(adapter, cached_base("qwen3"), method)
