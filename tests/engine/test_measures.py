"""What engines tell of their own work: the same in this process and in one of their own."""

from collections.abc import Callable

import psutil
import pytest

from app.engine.answerer import AdapterFile, Answerer, Ask, collect
from app.engine.apart.answering import ApartAnswerer
from app.engine.errors import EngineFailedError
from app.engine.kept import Tier
from app.engine.measures import Distribution, Tally
from tests.engine.banks import ONE, Making, bring
from tests.waiting import wait_until


def test_tally_counts_into_ranges() -> None:
    """A bound belongs to the range below it; what lies above all is counted, too."""
    tally = Tally((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 3.0):
        tally.add(value)

    assert tally.told() == Distribution((1.0, 2.0), (2, 1, 1), 6.0)


def test_engine_counts_its_steps_and_prefixes(
    any_answerer: Answerer, adapters: list[AdapterFile], ask: Callable[..., Ask]
) -> None:
    """The second question on a document finds its beginning; its memory is loaded once."""
    before = any_answerer.measures()
    for _ in range(2):
        collect(any_answerer.stream(ask(adapters[0], tokens=4)))
    wait_until(lambda: any_answerer.measures().batch.num_running == 0)
    after = any_answerer.measures()

    queried = after.prefixes.num_queried - before.prefixes.num_queried
    hit = after.prefixes.num_hit - before.prefixes.num_hit
    assert queried > 0
    assert hit * 2 == queried
    assert after.prefixes.size_bytes > 0
    assert sum(after.bank.load_seconds.counts) - sum(before.bank.load_seconds.counts) == 1
    assert after.bank.kept[Tier.SLOT].num == 1
    assert after.bank.kept[Tier.SLOT].size_bytes > 0
    steps, tokens = after.batch.step_seconds, after.batch.step_tokens
    assert sum(steps.counts) == sum(tokens.counts) > sum(before.batch.step_tokens.counts)
    assert steps.total > 0
    assert (after.batch.num_waiting, after.device) == (0, None)
    assert after.started_at == before.started_at > 1.7e9


def test_bank_counts_who_had_to_leave(make_bank: Making) -> None:
    """For a slot into main memory, for main memory altogether."""
    bank = make_bank(num_slots=1, host_bytes=2 * ONE)
    bring(bank, "a", "b")
    displaced = bank.measures()
    bring(bank, "c")
    wait_until(lambda: bank.measures().kept[Tier.SLOT].num == 1, 10)
    evicted = bank.measures()

    assert (displaced.num_displaced, displaced.num_evicted) == (1, 0)
    assert (evicted.num_displaced, evicted.num_evicted) == (2, 1)
    assert (evicted.num_slots, evicted.most_bytes) == (1, 2 * ONE)
    assert sum(kept.size_bytes for kept in evicted.kept.values()) == 2 * ONE


def test_bank_counts_what_could_not_be_had(make_bank: Making) -> None:
    """A failure is no load."""
    bank = make_bank()

    def fail() -> None:
        raise OSError("away")

    wait_until(lambda: bank.prepare("a", "doc", fail, 0.0) is Tier.FAILED, 10)

    measures = bank.measures()
    assert (measures.num_failed, measures.kept[Tier.FAILED].num) == (1, 1)
    assert sum(measures.load_seconds.counts) == 0


def test_engine_that_is_silent_is_not_waited_for(
    shared_apart: ApartAnswerer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scrape has seconds; it does not hang on a process that does not answer."""
    monkeypatch.setattr("app.engine.apart.answering._MEASURING_SECONDS", 0.1)
    process = psutil.Process(shared_apart.pid)
    process.suspend()
    try:
        with pytest.raises(EngineFailedError, match="does not answer"):
            shared_apart.measures()
    finally:
        process.resume()

    assert shared_apart.num_asks == 0
