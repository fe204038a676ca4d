"""The finished memory keeps a share of what its training changed."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import torch

from app.lift.base_model import BaseModel
from app.lift.config import MethodConfig
from app.lift.examples import TrainingData
from app.lift.kinds import DocumentMemory
from app.lift.low_rank import LowRankMemory, PissaPair
from app.lift.memory import GatedMemory
from app.lift.observer import QAPair
from app.lift.segments import cut_segments
from app.lift.trainer import train_memory
from tests.lift.conftest import TEXT
from tests.lift.observers import Recorder

KINDS = ("gated-memory", "lora", "pissa")


@pytest.fixture
def method(small: MethodConfig, request: pytest.FixtureRequest) -> MethodConfig:
    """A training in large steps of the kind that the test names."""
    return replace(small, memory_kind=request.param, lora_rank=4, learning_rate=1e-2)


def trained(
    base: BaseModel, method: MethodConfig, share: float
) -> tuple[DocumentMemory, list[float]]:
    tokens = base.tokenize(TEXT)
    pairs = [QAPair("What was lit by Mirel Tand?", "The lamp of the tower", TEXT[:60], 0)]
    data = TrainingData(TEXT, tokens, cut_segments(tokens, 32, 12), pairs, [TEXT[:60]])
    method = replace(method, kept_change=share)
    memory, history = train_memory(base, data, method, Recorder())
    return memory, [step.loss for step in history]


@pytest.mark.parametrize("method", KINDS, indirect=True)
def test_training_is_the_same_and_its_end_is_drawn_back(
    llama: BaseModel, method: MethodConfig
) -> None:
    """Every loss is that of the whole training, and all weights can be had again."""
    whole, losses = trained(llama, method, 1.0)
    half, same_losses = trained(llama, method, 0.5)

    assert same_losses == losses
    assert distance(llama, half) < distance(llama, whole)
    half.draw_back(2.0)
    torch.testing.assert_close(half.state_dict(), whole.state_dict(), rtol=0, atol=0)


@torch.no_grad()
def distance(base: BaseModel, memory: DocumentMemory) -> float:
    """Return how far a memory moves what the base model says."""
    ids = torch.arange(5, 45)[None]
    without = base.model(ids).logits
    with base.plugged(memory):
        return (base.model(ids).logits - without).norm().item()


def test_lora_adds_the_share(llama: BaseModel, make_low_rank: Any) -> None:
    """A third of BAx."""
    memory: LowRankMemory = make_low_rank(llama, "lora")
    whole = deepcopy(memory)
    memory.draw_back(1 / 3)

    for name, pair in memory.pairs.items():
        hidden = torch.randn(1, 7, llama.decoder.get_submodule(name).in_features)
        torch.testing.assert_close(pair(hidden), whole.pairs[name](hidden) / 3)


def test_pissa_stands_between_its_start_and_its_end(llama: BaseModel, make_low_rank: Any) -> None:
    """A₀ + ⅓ΔA and B₀ + ⅓ΔB, less B₀A₀; folded, too."""
    memory: LowRankMemory = make_low_rank(llama, "pissa")
    whole = deepcopy(memory)
    memory.draw_back(1 / 3)
    folded = memory.folded()

    for name, pair in memory.pairs.items():
        end = whole.pairs[name]
        assert isinstance(end, PissaPair)
        down = end.down_start + end.down_change / 3
        up = end.up_start + end.up_change / 3
        hidden = torch.randn(1, 7, down.shape[1])
        expected = end.scale * hidden @ (up @ down - end.up_start @ end.down_start).T
        torch.testing.assert_close(pair(hidden), expected, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(folded.pairs[name](hidden), expected, rtol=1e-4, atol=1e-4)


def test_gated_memory_falls_silent(llama: BaseModel, make_memory: Any) -> None:
    """With next to nothing kept, m says nothing and the gates stand where they start."""
    memory: GatedMemory = make_memory(llama)
    shape = llama.shapes[0]
    query = torch.randn(1, 7, *shape)
    before = memory.read(0, query)
    memory.draw_back(0.01)
    read = memory.read(0, query)

    assert before.value.abs().max() > 100 * read.value.abs().max()
    torch.testing.assert_close(read.gate, torch.full_like(read.gate, 0.0474), rtol=0, atol=5e-3)
