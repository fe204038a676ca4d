"""The bank: who loads, who is kept, who has to leave."""

import gc
import weakref
from contextlib import closing
from threading import Event

import pytest

from app.engine.errors import EngineFailedError
from app.engine.kept import Tier
from app.lift.memory import GatedMemory
from tests.engine.banks import ONE, Counted, Making, bring, held, memory, tier
from tests.waiting import wait_until


def test_many_who_want_a_memory_load_it_once(make_bank: Making) -> None:
    """The second finds it on its way."""
    bank, begun, go_on = make_bank(), list[int](), Event()

    def load() -> GatedMemory:
        begun.append(1)
        assert go_on.wait(10)
        return memory()

    assert [bank.prepare("a", "doc", load) for _ in range(3)] == [Tier.COMING] * 3
    go_on.set()
    bring(bank, "a")

    assert (len(begun), tier(bank, "a"), bank.num_copies) == (1, Tier.SLOT, 1)


def test_slot_in_use_is_never_given_away(make_bank: Making) -> None:
    """Who comes later waits in main memory, until a row lets go."""
    bank = make_bank(num_slots=1)
    bring(bank, "a")
    slot, _ = bank.acquire("a")
    bring(bank, "b")

    assert (tier(bank, "a"), tier(bank, "b")) == (Tier.SLOT, Tier.HOST)
    bank.release("a")
    wait_until(lambda: bank.prepare("b", "doc", memory) is Tier.SLOT, 10)
    assert (bank.acquire("b")[0], tier(bank, "a")) == (slot, Tier.HOST)


def test_slot_of_the_least_lately_used_is_taken(make_bank: Making) -> None:
    """Who used theirs since keeps it."""
    bank = make_bank(num_slots=2)
    bring(bank, "used", "old", "used", "new")

    assert [tier(bank, key) for key in ("used", "old", "new")] == [Tier.SLOT, Tier.HOST, Tier.SLOT]


def test_main_memory_is_bounded(make_bank: Making) -> None:
    """What was used least lately is dropped, and loaded again if somebody asks."""
    bank = make_bank(host_bytes=2 * ONE)
    bring(bank, "a", "b", "c")
    wait_until(lambda: tier(bank, "c") is Tier.SLOT, 10)

    assert [kept.sha256 for kept in bank.kept()] == ["b", "c"]
    assert sum(kept.size_bytes for kept in bank.kept()) <= 2 * ONE


def test_memory_too_wide_for_the_slots_stays_whole(make_bank: Making) -> None:
    """It is handed out itself."""
    bank, wide = make_bank(), memory(width_factor=3)
    wait_until(lambda: bank.prepare("wide", "doc", lambda: wide) is Tier.DEVICE, 10)

    assert bank.acquire("wide") == (None, wide)


def test_memories_in_no_slot_that_are_read_at_once_are_bounded(make_bank: Making) -> None:
    """Together they take what may be kept; one by itself is read however large it is."""
    bank = make_bank(host_bytes=ONE)
    bring(bank, "a", width_factor=3)
    assert bank.has_room_for("a")
    bank.acquire("a")
    bring(bank, "b", width_factor=3)
    assert not bank.has_room_for("b")

    assert bank.has_room_for("a")  # for a second row
    bank.release("a")
    assert bank.has_room_for("b")


def test_failure_is_that_of_all_who_waited_and_tried_again_for_others(make_bank: Making) -> None:
    """Whoever wanted it before it failed shares in the failure; later, the file may be there."""
    bank = make_bank()

    def fail() -> GatedMemory:
        raise OSError("away")

    wait_until(lambda: bank.prepare("a", "doc", fail, 0.0) is Tier.FAILED, 10)
    assert [str(bank.error("a")) for _ in range(2)] == ["away"] * 2
    assert bank.prepare("a", "doc", fail, 0.0) is Tier.FAILED
    bring(bank, "a")
    assert tier(bank, "a") is Tier.SLOT


def test_forgotten_memory_goes_when_its_last_row_does(make_bank: Making) -> None:
    """Rows that read it go on; nobody else finds it."""
    bank = make_bank(num_slots=1)
    bring(bank, "a")
    bank.acquire("a")
    bank.forget("doc")
    assert tier(bank, "a") is Tier.SLOT
    bank.release("a")

    assert bank.kept() == []
    bring(bank, "b")
    assert tier(bank, "b") is Tier.SLOT


def test_memory_that_is_not_ready_is_not_handed_out(make_bank: Making) -> None:
    """Who skips `prepare` hears so."""
    with closing(make_bank()) as bank, pytest.raises(KeyError):
        bank.acquire("a")


def test_preloaded_memory_is_loaded_once_for_all_who_want_it(make_bank: Making) -> None:
    """Who asks while it comes, or afterwards, waits for no loading of their own."""
    bank, loading = make_bank(), Counted()
    loading.may_end.clear()

    bank.preload("a", "doc", loading)
    bank.preload("a", "doc", loading)
    assert bank.prepare("a", "doc", loading) is Tier.COMING
    loading.may_end.set()
    wait_until(lambda: tier(bank, "a") is Tier.SLOT, 10)
    bank.preload("a", "doc", loading)
    assert bank.prepare("a", "doc", loading) is Tier.SLOT

    assert (loading.num_begun, bank.num_copies) == (1, 1)


def test_failed_preload_says_why_until_it_is_tried_again(make_bank: Making) -> None:
    """Nobody waits for it who would be told; the next preload does not have to wait, either."""
    bank = make_bank()

    def fail() -> GatedMemory:
        raise OSError("away")

    bank.preload("a", "doc", fail)
    wait_until(lambda: tier(bank, "a") is Tier.FAILED, 10)
    assert (held(bank, "a").failure, held(bank, "a").size_bytes) == ("away", 0)

    bank.preload("a", "doc", memory)
    wait_until(lambda: tier(bank, "a") is Tier.SLOT, 10)
    assert held(bank, "a").failure is None


def test_files_that_do_not_come_hold_up_no_copies(make_bank: Making) -> None:
    """A memory that is in main memory is brought to a slot whatever hangs beside it."""
    bank, may_end = make_bank(num_slots=1), Event()

    def hang() -> GatedMemory:
        assert may_end.wait(60)
        raise OSError("away")

    bring(bank, "a")
    bring(bank, "b")  # which takes the slot of the other
    for number in range(20):
        bank.preload(f"hanging {number}", "doc", hang)
    bring(bank, "a")
    may_end.set()

    assert tier(bank, "a") is Tier.SLOT


def test_failure_keeps_no_weights_alive(make_bank: Making) -> None:
    """Failures are kept until somebody asks: what was read of the files is not."""
    bank, read = make_bank(), list[weakref.ref[GatedMemory]]()

    def fail() -> GatedMemory:
        weights = memory()
        read.append(weakref.ref(weights))
        raise OSError("damaged")

    def fail_further() -> GatedMemory:
        try:
            return fail()
        except OSError as error:
            raise ValueError("cannot be used") from error

    bank.preload("a", "doc", fail_further)
    wait_until(lambda: tier(bank, "a") is Tier.FAILED, 10)
    gc.collect()

    assert [each() for each in read] == [None]


def test_memory_forgotten_on_its_way_is_dropped_when_it_comes(make_bank: Making) -> None:
    """Who still wants it loads it anew."""
    bank, loading = make_bank(), Counted()
    loading.may_end.clear()
    bank.prepare("a", "doc", loading)
    bank.forget("doc")
    loading.may_end.set()
    wait_until(lambda: not bank.kept(), 10)

    bank.prepare("a", "doc", loading)
    wait_until(lambda: tier(bank, "a") is Tier.SLOT, 10)
    assert loading.num_begun == 2


def test_memory_preloaded_while_it_is_leaving_stays(make_bank: Making) -> None:
    """The last word counts."""
    bank = make_bank()
    bring(bank, "a")
    bank.acquire("a")
    bank.forget("doc")
    bank.preload("a", "doc", memory)
    bank.release("a")

    assert tier(bank, "a") is Tier.SLOT


def test_use_is_dated(make_bank: Making) -> None:
    """By wanting a memory, and by letting go of it."""
    bank = make_bank()
    bring(bank, "a")
    wanted_at = held(bank, "a").last_used_at
    bank.acquire("a")
    acquired_at = held(bank, "a").last_used_at
    bank.release("a")

    assert wanted_at <= acquired_at <= held(bank, "a").last_used_at
    assert wanted_at < held(bank, "a").last_used_at
    assert wanted_at.utcoffset() is not None


def test_list_is_in_the_order_of_use(make_bank: Making) -> None:
    """The first is the first to leave: a memory is used as long as it is read."""
    bank = make_bank(num_slots=3)
    bring(bank, "a", "b", "c")
    bank.acquire("a")
    bring(bank, "b")
    bank.release("a")

    kept = bank.kept()
    assert [each.sha256 for each in kept] == ["c", "b", "a"]
    assert kept == sorted(kept, key=lambda each: each.last_used_at)


def test_closed_bank_takes_nothing_more(make_bank: Making) -> None:
    """Who comes too late is told."""
    bank = make_bank()
    bank.close()

    with pytest.raises(EngineFailedError, match="stopping"):
        bank.preload("a", "doc", memory)
    assert bank.kept() == []
