"""The kinds of memory behind their seam: settled for a base model, made, trained, refused."""

from copy import deepcopy
from dataclasses import replace
from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from app.lift.base_model import BaseModel
from app.lift.config import MemoryKind, MethodConfig
from app.lift.errors import MemoryFormError
from app.lift.examples import TrainingData
from app.lift.kinds import KINDS, empty_memory, form_of, new_memory, num_trained_parameters
from app.lift.pipeline import lift_document
from app.lift.segments import cut_segments
from app.lift.trainer import train_memory
from tests.lift.conftest import TEXT
from tests.lift.observers import Recorder
from tests.lift.recomputing import assert_same_when_recomputed

RIVALS = ("lora", "pissa")


@pytest.fixture(params=get_args(MemoryKind))
def method(request: pytest.FixtureRequest, small: MethodConfig) -> MethodConfig:
    """Small settings of each kind in turn."""
    return replace(small, memory_kind=request.param, lora_rank=4)


def test_every_kind_of_the_settings_is_there() -> None:
    """What the option takes is what can be trained and read."""
    assert tuple(KINDS) == get_args(MemoryKind)


def test_a_new_memory_has_the_form_that_was_settled(llama: BaseModel, method: MethodConfig) -> None:
    """Names and shapes follow from the settings and the base model alone, before any training."""
    memory = new_memory(llama, method)
    empty = empty_memory(llama, form_of(llama, method))

    assert shapes(memory) == shapes(empty)
    assert num_trained_parameters(llama, method) == sum(p.numel() for p in memory.parameters())


def shapes(memory: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in memory.state_dict().items()}


def test_the_seed_decides_the_initial_weights(llama: BaseModel, method: MethodConfig) -> None:
    """The same seed gives the same memory, and the global generator is left as it was."""
    before = torch.get_rng_state()
    first, again, other = (new_memory(llama, replace(method, seed=seed)) for seed in (1, 1, 2))

    assert same(first, again)
    assert same(first, other) == (method.memory_kind == "pissa")  # whose start is not random
    assert torch.equal(torch.get_rng_state(), before)


def test_training_lowers_the_loss(
    llama: BaseModel, method: MethodConfig, data: TrainingData
) -> None:
    """Every kind learns its document."""
    method = replace(method, recitation_epochs=6, learning_rate=1e-2, memory_init_scale=4.0)
    recorder = Recorder()
    train_memory(llama, data, method, recorder)
    losses = [step.loss for step in recorder.steps]

    assert sum(losses[-4:]) < 0.8 * sum(losses[:4])


def test_training_is_repeatable(llama: BaseModel, method: MethodConfig, data: TrainingData) -> None:
    """The same document and settings give the same memory, bit for bit."""
    first, again = (train_memory(llama, data, method, Recorder())[0] for _ in range(2))

    assert same(first, again)


def test_recomputed_activations_change_no_memory(
    llama: BaseModel, method: MethodConfig, data: TrainingData
) -> None:
    """Checkpointing saves memory only, whatever is plugged in."""
    assert_same_when_recomputed(llama, data, method)


def test_every_kind_is_trained_by_distillation(
    llama: BaseModel, method: MethodConfig, data: TrainingData
) -> None:
    """Lessons beside unrelated text, with a price on open gates where there are gates."""
    method = replace(
        method,
        objective="distillation",
        joint_epochs=0,
        learning_rate=1e-2,
        unrelated_share=1.0,
        gate_weight=0.1,
    )
    recorder = Recorder()
    trained = train_memory(llama, data, method, recorder)[0]

    assert recorder.steps
    assert not same(trained, new_memory(llama, method))


def test_training_leaves_the_base_model_as_it_was(
    llama: BaseModel, method: MethodConfig, data: TrainingData
) -> None:
    """No weight of the base model changes, and no hook stays, whatever is trained."""
    before = deepcopy(llama.model.state_dict()), plain_logits(llama)
    train_memory(llama, data, replace(method, checkpoint_activations=True), Recorder())

    torch.testing.assert_close(llama.model.state_dict(), before[0], rtol=0, atol=0)
    assert torch.equal(plain_logits(llama), before[1])


@pytest.fixture
def data(llama: BaseModel) -> TrainingData:
    """A document of bytes without pairs."""
    tokens = llama.tokenize(TEXT)
    return TrainingData(TEXT, tokens, cut_segments(tokens, 32, 12), ())


@torch.no_grad()
def plain_logits(base: BaseModel) -> Tensor:
    logits: Tensor = base.model(torch.arange(5, 30)[None]).logits
    return logits


def same(first: nn.Module, second: nn.Module) -> bool:
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return all(torch.equal(one, other) for one, other in pairs)


@pytest.mark.parametrize("kind", RIVALS)
def test_settings_that_do_not_fit_end_the_lift_at_once(
    llama: BaseModel, small: MethodConfig, kind: str
) -> None:
    """Before any question is written or any step is trained."""
    recorder = Recorder()
    method = replace(small, memory_kind=kind, lora_target_modules="qkv_proj")
    with pytest.raises(MemoryFormError, match="qkv_proj"):
        lift_document(TEXT, llama, method, recorder)

    assert recorder.stages == []


@pytest.mark.parametrize("kind", RIVALS)
def test_a_rivals_lift_says_how_much_it_trained(
    llama: BaseModel, small: MethodConfig, kind: str
) -> None:
    """The same pipeline lifts with every kind."""
    lifted = lift_document(TEXT, llama, replace(small, memory_kind=kind, lora_rank=4), Recorder())

    assert sum(p.numel() for p in lifted.memory.parameters()) == 4 * 1_824
