"""The bank: who loads, who is kept, who has to leave."""

from collections.abc import Callable, Iterator
from contextlib import closing
from threading import Event

import pytest
import torch

from app.engine.answerer import Tier
from app.engine.bank import Bank
from app.engine.slots import Slots
from app.lift.memory import GatedMemory, HeadShape
from tests.waiting import wait_until

_SHAPES = (HeadShape(2, 16), HeadShape(4, 8))
Making = Callable[..., Bank]


def memory(seed: int = 0, width_factor: int = 2) -> GatedMemory:
    generator = torch.Generator().manual_seed(seed)
    return GatedMemory.initialised(_SHAPES, width_factor, generator)


@pytest.fixture
def make() -> Iterator[Making]:
    """Make banks; they are closed at the end."""
    banks = list[Bank]()

    def new(num_slots: int = 2, host_bytes: int = 10**9) -> Bank:
        slots = Slots(_SHAPES, num_slots, 2, torch.device("cpu"), torch.float32)
        banks.append(Bank(slots, host_bytes, lambda: None))
        return banks[-1]

    yield new
    for bank in banks:
        bank.close()


def tier(bank: Bank, key: str) -> Tier | None:
    return next((kept.tier for kept in bank.kept() if kept.sha256 == key), None)


def bring(bank: Bank, *keys: str) -> None:
    """Prepare memories until each is where it can be."""
    for key in keys:
        wait_until(lambda key=key: bank.prepare(key, "doc", memory) is not Tier.COMING, 10)  # type: ignore[misc]


def test_many_who_want_a_memory_load_it_once(make: Making) -> None:
    """The second finds it on its way."""
    bank, begun, go_on = make(), list[int](), Event()

    def load() -> GatedMemory:
        begun.append(1)
        assert go_on.wait(10)
        return memory()

    assert [bank.prepare("a", "doc", load) for _ in range(3)] == [Tier.COMING] * 3
    go_on.set()
    bring(bank, "a")

    assert (len(begun), tier(bank, "a"), bank.num_copies) == (1, Tier.SLOT, 1)


def test_slot_in_use_is_never_given_away(make: Making) -> None:
    """Who comes later waits in main memory, until a row lets go."""
    bank = make(num_slots=1)
    bring(bank, "a")
    slot, _ = bank.acquire("a")
    bring(bank, "b")

    assert (tier(bank, "a"), tier(bank, "b")) == (Tier.SLOT, Tier.HOST)
    bank.release("a")
    wait_until(lambda: bank.prepare("b", "doc", memory) is Tier.SLOT, 10)
    assert (bank.acquire("b")[0], tier(bank, "a")) == (slot, Tier.HOST)


def test_slot_of_the_least_lately_used_is_taken(make: Making) -> None:
    """Who used theirs since keeps it."""
    bank = make(num_slots=2)
    bring(bank, "used", "old", "used", "new")

    assert [tier(bank, key) for key in ("used", "old", "new")] == [Tier.SLOT, Tier.HOST, Tier.SLOT]


def test_main_memory_is_bounded(make: Making) -> None:
    """What was used least lately is dropped, and loaded again if somebody asks."""
    one = sum(weight.nbytes for weight in memory().parameters())
    bank = make(host_bytes=2 * one)
    bring(bank, "a", "b", "c")
    wait_until(lambda: tier(bank, "c") is Tier.SLOT, 10)

    assert [kept.sha256 for kept in bank.kept()] == ["b", "c"]
    assert sum(kept.size_bytes for kept in bank.kept()) <= 2 * one


def test_memory_too_wide_for_the_slots_stays_whole(make: Making) -> None:
    """It is handed out itself."""
    bank, wide = make(), memory(width_factor=3)
    wait_until(lambda: bank.prepare("wide", "doc", lambda: wide) is Tier.ALONE, 10)

    assert bank.acquire("wide") == (None, wide)


def test_failure_is_told_once_and_tried_again(make: Making) -> None:
    """A file that can be read later is read then."""
    bank = make()

    def fail() -> GatedMemory:
        raise OSError("away")

    wait_until(lambda: bank.prepare("a", "doc", fail) is Tier.FAILED, 10)
    assert str(bank.take_error("a")) == "away"
    bring(bank, "a")
    assert tier(bank, "a") is Tier.SLOT


def test_forgotten_memory_goes_when_its_last_row_does(make: Making) -> None:
    """Rows that read it go on; nobody else finds it."""
    bank = make(num_slots=1)
    bring(bank, "a")
    bank.acquire("a")
    bank.forget("doc")
    assert tier(bank, "a") is Tier.SLOT
    bank.release("a")

    assert bank.kept() == []
    bring(bank, "b")
    assert tier(bank, "b") is Tier.SLOT


def test_memory_that_is_not_ready_is_not_handed_out(make: Making) -> None:
    """Who skips `prepare` hears so."""
    with closing(make()) as bank, pytest.raises(KeyError):
        bank.acquire("a")
