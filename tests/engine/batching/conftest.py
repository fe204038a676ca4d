"""Engines that answer many questions at once, over tiny models, and what each is alone."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import count
from pathlib import Path
from threading import Event
from typing import Literal

import pytest
import torch

from app.engine.answerer import (
    AdapterFile,
    Ask,
    Reply,
    collect,
)
from app.engine.batching import BatchingAnswerer, EngineLimits
from app.engine.kept import Tier
from app.lift.adapter import Lifted, write_adapter
from app.lift.base_model import BaseModel
from app.lift.config import MethodConfig
from app.lift.kinds import DocumentMemory
from app.lift.memory import GatedMemory
from tests.engine.reference import answer_alone
from tests.lift.conftest import TEXT
from tests.waiting import wait_until

Making = Callable[..., AdapterFile]


@pytest.fixture
def make_adapter(tmp_path: Path, make_low_rank: Callable[..., DocumentMemory]) -> Making:
    """Write the adapter file of a random memory that is wide awake."""
    numbers = count()

    def make(
        base: BaseModel,
        seed: int,
        width_factor: int = 2,
        scale: float = 30.0,
        kind: Literal["gated-memory", "lora", "pissa"] = "gated-memory",
    ) -> AdapterFile:
        generator = torch.Generator().manual_seed(seed)
        method = MethodConfig(memory_width_factor=width_factor, memory_kind=kind, lora_rank=4)
        memory: DocumentMemory = (
            GatedMemory.initialised(base.shapes, width_factor, generator, scale)
            if kind == "gated-memory"
            else make_low_rank(base, kind, seed)
        )
        lifted = Lifted(memory, base, method, 1, 0, 1, (1.0,))
        path = tmp_path / f"{next(numbers)}.safetensors"
        info = write_adapter(path, lifted, document_sha256="", preset="paper", created_at="")
        return AdapterFile(partial(nullcontext, path), info.sha256)

    return make


@pytest.fixture
def unlike(make_adapter: Making, ask: Callable[..., Ask]) -> Callable[[BaseModel], list[Ask]]:
    """Ask on several documents: other lengths, memories and none, one document twice."""

    def make(base: BaseModel) -> list[Ask]:
        return [
            ask("ann", make_adapter(base, 1), 8),
            ask("bob", make_adapter(base, 2), 3, "What stands in the second paragraph of it?"),
            ask("cy", None, 8),
            ask("dee", make_adapter(base, 3), 12),
            ask("ann", None, 5, "And who else?"),
        ]

    return make


@pytest.fixture
def start() -> Iterator[Callable[..., BatchingAnswerer]]:
    """Start engines; they are closed at the end."""
    engines = list[BatchingAnswerer]()

    def make(base: BaseModel, limits: EngineLimits | None = None) -> BatchingAnswerer:
        engines.append(BatchingAnswerer(base, limits))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()


@pytest.fixture
def ask(small: MethodConfig) -> Callable[..., Ask]:
    """Ask a document of its own text."""

    def make(
        name: str, adapter: AdapterFile | None, tokens: int = 8, question: str = "Who?"
    ) -> Ask:
        text = f"{name}. {TEXT}"
        return Ask(question, name, lambda: text, small, adapter, tokens)

    return make


def alone(base: BaseModel, asks: Sequence[Ask]) -> list[tuple[str, float | None]]:
    """Return each question's answer from an engine that takes one at a time."""
    return [said(collect(answer_alone(base, each))) for each in asks]


def at_once(
    base: BaseModel, engine: BatchingAnswerer, asks: Sequence[Ask]
) -> list[tuple[str, float | None]]:
    """Ask everything at once: no pass begins before all have come, however slow the machine."""
    with _held_until_all_have_come(base, engine, len(asks)), ThreadPoolExecutor(len(asks)) as pool:
        return [said(reply) for reply in pool.map(lambda each: collect(engine.stream(each)), asks)]


@contextmanager
def _held_until_all_have_come(
    base: BaseModel, engine: BatchingAnswerer, num_asked: int
) -> Iterator[None]:
    """Hold each pass of the batch until all asked, and no memory is on its way to where it is read.

    What runs together is then the scheduler's choice alone.
    """
    have_come = Event()

    def hold(*_: object) -> None:
        if not have_come.is_set():
            wait_until(lambda: engine.num_rows == num_asked, 60)
            have_come.set()
        wait_until(lambda: all(kept.tier is not Tier.COMING for kept in engine.bank.kept()), 60)

    with base.model.get_input_embeddings().register_forward_pre_hook(hold):
        yield


def said(reply: Reply) -> tuple[str, float | None]:
    share = reply.memory_share
    return reply.text, None if share is None else round(share, 3)
