"""Banks without an engine, and memories for them."""

from collections.abc import Callable, Iterator
from functools import partial
from threading import Event

import pytest
import torch

from app.engine.all_slots import Room
from app.engine.bank import Bank
from app.engine.kept import KeptAdapter, Tier
from app.engine.slots import Slots
from app.lift.memory import GatedMemory, HeadShape
from tests.waiting import wait_until

SHAPES = (HeadShape(2, 16), HeadShape(4, 8))
Making = Callable[..., Bank]


def memory(seed: int = 0, width_factor: int = 2) -> GatedMemory:
    """Return a random memory."""
    generator = torch.Generator().manual_seed(seed)
    return GatedMemory.initialised(SHAPES, width_factor, generator)


ONE = sum(weight.nbytes for weight in memory().parameters())
"""What one memory takes."""


class Counted:
    """Loads a memory, when it may, and counts how often."""

    def __init__(self) -> None:
        self.num_begun = 0
        self.may_end = Event()
        self.may_end.set()

    def __call__(self) -> GatedMemory:
        self.num_begun += 1
        assert self.may_end.wait(20)
        return memory()


@pytest.fixture
def make_bank() -> Iterator[Making]:
    """Make banks; they are closed at the end."""
    banks = list[Bank]()

    def new(num_slots: int = 2, host_bytes: int = 10**9, slots: Room | None = None) -> Bank:
        slots = slots or Slots(SHAPES, num_slots, 2, torch.device("cpu"), torch.float32)
        banks.append(Bank(slots, host_bytes, lambda: None))
        return banks[-1]

    yield new
    for bank in banks:
        bank.close()


def held(bank: Bank, key: str) -> KeptAdapter:
    """Return what a bank tells of a memory that it holds."""
    (found,) = (kept for kept in bank.kept() if kept.sha256 == key)
    return found


def tier(bank: Bank, key: str) -> Tier | None:
    """Return where a memory is; None if it is nowhere."""
    return next((kept.tier for kept in bank.kept() if kept.sha256 == key), None)


def bring(bank: Bank, *keys: str, document_id: str = "doc", width_factor: int = 2) -> None:
    """Prepare memories until each is where it can be."""

    def has_come(key: str) -> bool:
        load = partial(memory, width_factor=width_factor)
        return bank.prepare(key, document_id, load) is not Tier.COMING

    for key in keys:
        wait_until(lambda key=key: has_come(key), 10)  # type: ignore[misc]
