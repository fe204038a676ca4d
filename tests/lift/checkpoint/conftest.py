"""A training's state, and a checkpoint of it behind two steps."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.optim import AdamW

from app.lift.base_model import BaseModel
from app.lift.checkpoint import TrainingState, identity_of
from app.lift.config import MethodConfig
from app.lift.examples import TrainingData
from app.lift.kinds import new_memory
from app.lift.observer import QAPair, StepMetrics
from app.lift.pipeline import prepare
from tests.lift.conftest import TEXT

PAIR = QAPair("Who lit the lamp?", "Mirel Tand", TEXT[:60], 0)


@pytest.fixture
def method(small: MethodConfig) -> MethodConfig:
    """Settings that every kind fits."""
    return replace(small, lora_rank=4)


@pytest.fixture
def data(llama: BaseModel, method: MethodConfig) -> TrainingData:
    """A document with one pair."""
    return prepare(TEXT, llama, method, [PAIR])


@pytest.fixture
def identity(llama: BaseModel, method: MethodConfig, data: TrainingData) -> dict[str, str]:
    """What the training is."""
    return identity_of(llama, method, [data])


@pytest.fixture
def written(
    tmp_path: Path, llama: BaseModel, method: MethodConfig, identity: dict[str, str]
) -> Path:
    """A checkpoint behind two steps."""
    state = untrained(llama, method, identity)
    step(state)
    step(state)
    state.write(tmp_path / "2.safetensors")
    return tmp_path / "2.safetensors"


def untrained(base: BaseModel, method: MethodConfig, identity: dict[str, str]) -> TrainingState:
    """A training before its first step."""
    memory = new_memory(base, method)
    return TrainingState(memory, AdamW(memory.parameters(), lr=1e-2), identity)


def step(state: TrainingState, *, without: int | None = None) -> None:
    """Take a step with random gradients; one parameter may get none."""
    generator = torch.Generator().manual_seed(len(state.history))
    for index, weight in enumerate(state.memory.parameters()):
        drawn = torch.randn(weight.shape, generator=generator)
        weight.grad = None if index == without else drawn
    state.optimizer.step()
    number = len(state.history) + 1
    state.history.append(StepMetrics(number, 1 / 3, float("inf"), 1e-2, 100))


def exact(state: TrainingState) -> tuple[object, ...]:
    """All that a state holds, to be compared bit for bit."""
    moments = state.optimizer.state_dict()["state"]
    return (
        {name: tensor.tolist() for name, tensor in state.memory.state_dict().items()},
        {i: {key: value.tolist() for key, value in each.items()} for i, each in moments.items()},
        state.history,
    )
