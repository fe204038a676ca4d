"""Tiny base models and settings for tests of the method."""

from collections.abc import Callable
from functools import cache

import pytest
import torch

from app.lift.base_model import BaseModel
from app.lift.config import MethodConfig
from app.lift.kinds import new_memory
from app.lift.low_rank import LowRankMemory
from app.lift.memory import GatedMemory
from tests.tiny import FAMILIES, tiny_base

cached_base = cache(tiny_base)


@pytest.fixture(params=FAMILIES)
def base(request: pytest.FixtureRequest) -> BaseModel:
    """Each family's tiny base model in turn."""
    return cached_base(request.param)


@pytest.fixture
def llama() -> BaseModel:
    """One tiny base model, where the family does not matter."""
    return cached_base("llama")


@pytest.fixture
def make_memory() -> Callable[..., GatedMemory]:
    """Make a memory that is wide awake: large weights, so that it changes what is said."""

    def make(base: BaseModel, seed: int = 0) -> GatedMemory:
        generator = torch.Generator().manual_seed(seed)
        return GatedMemory.initialised(base.shapes, 2, generator, scale=30.0)

    return make


@pytest.fixture(scope="session")
def make_low_rank() -> Callable[..., LowRankMemory]:
    """Make a rival that has learnt something: `lora` or `pissa`, with moved weights."""

    def make(base: BaseModel, kind: str, seed: int = 0) -> LowRankMemory:
        memory = new_memory(base, MethodConfig(memory_kind=kind, lora_rank=4))
        assert isinstance(memory, LowRankMemory)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for weight in memory.parameters():
                weight += torch.randn(weight.shape, generator=generator) * 0.1
        return memory

    return make


@pytest.fixture
def small() -> MethodConfig:
    """Settings small enough for bytes as tokens and a model of three layers."""
    return MethodConfig(
        segment_tokens=32,
        stride_tokens=12,
        recitation_context_tokens=48,
        recitations_per_context=2,
        num_qa_pairs=2,
        qa_sentences=3,
        recitation_epochs=1,
        joint_epochs=1,
        examples_per_step=4,
        checkpoint_activations=False,
        window_tokens=240,
        context_tokens=64,
    )


TEXT = (
    "The lamp of the tower was lit by Mirel Tand each evening. She carried the oil up ninety "
    "steps. Nobody else was allowed to touch the wick. In winter the stairs froze over and she "
    "climbed with nails under her shoes. The harbour paid her in salted plums."
)
