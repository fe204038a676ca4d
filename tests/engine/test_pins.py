"""Pins: what stays in main memory whatever comes, and how much of it may."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Lock

import pytest
import torch

from app.engine.bank import Bank
from app.engine.errors import AdaptersFullError
from app.engine.kept import Tier
from app.engine.slots import Slots
from app.lift.memory import GatedMemory
from tests.engine.banks import (
    ONE,
    SHAPES,
    Counted,
    Making,
    bring,
    held,
    memory,
    tier,
)
from tests.waiting import wait_until


def pin(bank: Bank, key: str, document_id: str, most_bytes: int = ONE) -> None:
    """Pin a memory, and wait until it has come."""
    bank.pin(key, document_id, memory, most_bytes)
    wait_until(lambda: tier(bank, key) not in (None, Tier.COMING), 10)


def pinned(bank: Bank) -> set[str]:
    return {kept.sha256 for kept in bank.kept() if kept.is_pinned}


def test_pinned_memory_stays_whatever_comes(make_bank: Making) -> None:
    """Of the others, those used least lately leave for those that come."""
    bank = make_bank(host_bytes=3 * ONE)
    pin(bank, "pinned", "mine")
    bring(bank, "a", "b", "c", "d")

    assert {kept.sha256 for kept in bank.kept()} == {"pinned", "c", "d"}
    assert pinned(bank) == {"pinned"}


def test_unpinned_memory_leaves_like_any_other(make_bank: Making) -> None:
    """It was used least lately."""
    bank = make_bank(host_bytes=2 * ONE)
    pin(bank, "a", "mine")
    bring(bank, "b")
    bank.unpin("mine")
    bank.unpin("unknown")
    bring(bank, "c")

    assert [kept.sha256 for kept in bank.kept()] == ["b", "c"]


def test_more_pins_than_fit_are_refused_and_nothing_is_loaded(make_bank: Making) -> None:
    """The message says what is taken and what helps; what is pinned stays so."""
    bank, loading = make_bank(host_bytes=2 * ONE), Counted()
    pin(bank, "a", "ann")
    pin(bank, "b", "bob")

    with pytest.raises(AdaptersFullError, match=f"take {2 * ONE} of the {2 * ONE}.*unpin some"):
        bank.pin("c", "cy", loading, ONE)
    assert (pinned(bank), loading.num_begun) == ({"a", "b"}, 0)

    bank.pin("b", "bob", memory, ONE)  # is pinned already
    bank.unpin("ann")
    pin(bank, "c", "cy")
    assert pinned(bank) == {"b", "c"}


def test_room_is_set_aside_for_pins_on_their_way(make_bank: Making) -> None:
    """Several at once take no more than one after the other."""
    bank, loading = make_bank(host_bytes=2 * ONE), Counted()
    loading.may_end.clear()
    bank.pin("a", "ann", loading, ONE)
    bank.pin("b", "bob", loading, ONE)

    with pytest.raises(AdaptersFullError):
        bank.pin("c", "cy", loading, ONE)
    loading.may_end.set()
    wait_until(lambda: tier(bank, "b") is Tier.SLOT, 10)


def test_pin_ends_if_its_memory_is_larger_than_was_told(make_bank: Making) -> None:
    """Pins never take more than there is; the memory itself is kept like any other."""
    bank = make_bank(host_bytes=ONE)
    pin(bank, "a", "ann")
    pin(bank, "b", "bob", most_bytes=0)

    assert pinned(bank) == {"a"}
    assert {kept.sha256 for kept in bank.kept()} == {"a", "b"}


def test_pin_goes_over_to_the_version_asked_for_now(make_bank: Making) -> None:
    """The older version of a document that was lifted again leaves like any other."""
    bank = make_bank(host_bytes=2 * ONE)
    pin(bank, "first", "mine")
    bring(bank, "second", document_id="mine")
    assert pinned(bank) == {"second"}
    bring(bank, "a", "b")

    assert {kept.sha256 for kept in bank.kept()} == {"second", "b"}


def test_pinning_a_newer_version_needs_no_room_for_both(make_bank: Making) -> None:
    """It takes the older one's."""
    bank = make_bank(host_bytes=ONE)
    pin(bank, "first", "mine")
    pin(bank, "second", "mine")

    assert pinned(bank) == {"second"}


def test_deleted_document_is_not_pinned(make_bank: Making) -> None:
    """Its pin ends at once, and its memory goes with the last row that reads it."""
    bank = make_bank(host_bytes=ONE)
    pin(bank, "a", "ann")
    bank.acquire("a")
    bank.forget("ann")
    assert pinned(bank) == set()
    bank.pin("b", "bob", memory, ONE)  # there is room at once
    bank.release("a")

    wait_until(lambda: tier(bank, "b") is Tier.SLOT, 10)
    assert {kept.sha256 for kept in bank.kept()} == {"b"}


def test_failed_memory_is_not_pinned(make_bank: Making) -> None:
    """It takes no room from others, and says why it is not there."""
    bank = make_bank(host_bytes=ONE)

    def fail() -> GatedMemory:
        raise OSError("away")

    bank.pin("a", "ann", fail, ONE)
    wait_until(lambda: tier(bank, "a") is Tier.FAILED, 10)
    assert (held(bank, "a").is_pinned, held(bank, "a").failure) == (False, "away")
    pin(bank, "b", "bob")

    assert pinned(bank) == {"b"}


def test_slot_of_a_pinned_memory_is_taken_last(make_bank: Making) -> None:
    """Others change places beside it, though it was used least lately."""
    bank = make_bank(num_slots=2)
    pin(bank, "pinned", "mine")
    bring(bank, "a", "b")

    assert [tier(bank, key) for key in ("pinned", "a", "b")] == [Tier.SLOT, Tier.HOST, Tier.SLOT]


def test_pins_keep_nobody_from_being_answered(make_bank: Making) -> None:
    """Where there is no other slot, a pinned memory lends its own, and is copied back unread."""
    bank, loading = make_bank(num_slots=1), Counted()
    bank.pin("pinned", "mine", loading, ONE)
    wait_until(lambda: tier(bank, "pinned") is Tier.SLOT, 10)
    bring(bank, "other")
    assert (tier(bank, "pinned"), tier(bank, "other")) == (Tier.HOST, Tier.SLOT)

    wait_until(lambda: bank.prepare("pinned", "mine", loading) is Tier.SLOT, 10)
    assert loading.num_begun == 1


class _Watched(Slots):
    """Knows whose memory lies in which slot, and who reads it."""

    def __init__(self) -> None:
        super().__init__(SHAPES, 3, 2, torch.device("cpu"), torch.float32)
        self.contents: dict[int, GatedMemory] = {}
        self.readers = [0] * 3
        self.num_torn = 0
        """Times that a slot was written while somebody read it."""
        self.lock = Lock()

    def write(self, slot: int, memory: GatedMemory) -> None:
        with self.lock:
            self.num_torn += self.readers[slot]
            self.contents[slot] = memory
        super().write(slot, memory)


def _hammer(bank: Bank, slots: _Watched, memories: list[GatedMemory], seed: int) -> int:
    """Do whatever comes to mind; return how many times a memory was read."""
    chance, num_read = random.Random(seed), 0
    for _ in range(200):
        number = chance.randrange(len(memories))
        key, document_id = f"key{number}", f"doc{number // 2}"
        load = partial(memories.__getitem__, number)
        match chance.choice(("read",) * 20 + ("preload", "pin", "unpin", "forget", "look")):
            case "read":
                num_read += _read(bank, slots, memories[number], key, document_id)
            case "preload":
                bank.preload(key, document_id, load)
            case "pin":
                try:
                    bank.pin(key, document_id, load, ONE)
                except AdaptersFullError:
                    bank.unpin(f"doc{chance.randrange(len(memories)) // 2}")
            case "unpin":
                bank.unpin(document_id)
            case "forget":
                bank.forget(document_id)
            case "look":
                assert sum(kept.size_bytes for kept in bank.kept() if kept.is_pinned) <= 3 * ONE
    return num_read


def _read(bank: Bank, slots: _Watched, memory: GatedMemory, key: str, document_id: str) -> bool:
    bank.prepare(key, document_id, lambda: memory)
    time.sleep(0.001)
    try:
        slot, _ = bank.acquire(key)
    except KeyError:  # it is on its way, or had to leave a moment ago
        return False
    assert slot is not None
    with slots.lock:
        assert slots.contents[slot] is memory
        slots.readers[slot] += 1
    time.sleep(0.001)
    with slots.lock:
        slots.readers[slot] -= 1
        assert slots.contents[slot] is memory
    bank.release(key)
    return True


def test_many_threads_leave_right_counts(make_bank: Making) -> None:
    """Whoever reads finds their own memory; in the end no slot is lost, and all can leave."""
    slots = _Watched()
    bank, memories = make_bank(host_bytes=3 * ONE, slots=slots), [memory(seed) for seed in range(8)]
    with ThreadPoolExecutor(4) as threads:
        num_read = sum(threads.map(lambda seed: _hammer(bank, slots, memories, seed), range(4)))
    wait_until(lambda: all(kept.tier is not Tier.COMING for kept in bank.kept()), 20)

    assert num_read > 50
    assert slots.num_torn == 0
    assert {kept.num_answers for kept in bank.kept()} <= {0}
    for number in range(4):
        bank.forget(f"doc{number}")
    assert bank.kept() == []
    bring(bank, "x", "y", "z")
    assert [kept.tier for kept in bank.kept()] == [Tier.SLOT] * 3
