"""What becomes of questions when the engine's process dies, hangs or is stopped."""

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import pytest

from app.engine.answerer import AdapterFile, Ask, collect
from app.engine.errors import EngineFailedError
from app.engine.kept import Tier
from app.lift.adapter import most_memory_bytes
from tests.embedded.test_child import is_gone
from tests.engine.conftest import path_of
from tests.engine.engines import QUICKLY, Starting, is_running, wait_until_running
from tests.tiny import tiny_base
from tests.waiting import wait_until

pytestmark = pytest.mark.faults
Making = Callable[..., Ask]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_death_ends_the_answers_and_the_next_process_answers(
    start_apart: Starting, ask: Making, number: signal.Signals
) -> None:
    """The one that is streamed and the one that waits are told; until the next, all are refused."""
    engine = start_apart(rows=1)
    expected = collect(engine.stream(ask(None))).text
    pieces = engine.stream(ask(None, tokens=16_000))
    next(pieces)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(lambda: collect(engine.stream(ask(None))))
        wait_until(lambda: engine.num_asks == 2)
        dead = engine.pid
        os.kill(dead, number)
        for ended in (lambda: collect(pieces), lambda: waiting.result(60)):
            with pytest.raises(EngineFailedError, match="is started again; ask again in a few"):
                ended()
    wait_until(lambda: not is_running(engine))
    with pytest.raises(EngineFailedError, match="is started again; ask again in a few"):
        collect(engine.stream(ask(None)))

    wait_until_running(engine)
    assert collect(engine.stream(ask(None))).text == expected
    assert engine.pid != dead
    assert is_gone(dead)


def test_pins_outlive_the_process(
    start_apart: Starting, adapters: list[AdapterFile], ask: Making
) -> None:
    """What was pinned is pinned again, what was only read is not; unpinning meanwhile counts."""
    engine = start_apart()
    for name in ("ann", "bob"):
        engine.pin(name, adapters[0 if name == "ann" else 1])
    collect(engine.stream(replace(ask(adapters[1]), document_id="ann")))  # relifted: the pin moves
    os.kill(engine.pid, signal.SIGKILL)
    wait_until(lambda: not is_running(engine))
    engine.unpin("bob")
    wait_until_running(engine)
    wait_until(lambda: [each.tier for each in engine.kept_adapters()] == [Tier.SLOT])
    (kept,) = engine.kept_adapters()

    assert (kept.document_id, kept.sha256, kept.is_pinned) == ("ann", adapters[1].sha256, True)


def test_pins_that_fitted_fit_again(start_apart: Starting, adapters: list[AdapterFile]) -> None:
    """Though more is set aside for a file on its way than its memory takes in the end."""
    first, second = (replace(each, size_bytes=path_of(each).stat().st_size) for each in adapters)
    with closing(start_apart()) as probe:
        probe.pin("ann", first)
        wait_until(lambda: probe.kept_adapters()[0].size_bytes > 0)
        size_bytes = probe.kept_adapters()[0].size_bytes
    most_bytes = most_memory_bytes(first.size_bytes, tiny_base())
    assert most_bytes > size_bytes
    engine = start_apart(host_bytes=size_bytes + most_bytes)
    for name, file in (("ann", first), ("bob", second)):
        engine.pin(name, file)
        wait_until(lambda: all(each.size_bytes for each in engine.kept_adapters()))
    os.kill(engine.pid, signal.SIGKILL)
    wait_until(lambda: not is_running(engine))
    wait_until_running(engine)

    wait_until(lambda: [each.is_pinned for each in engine.kept_adapters()] == [True, True])


def test_any_number_of_pins_is_restored_while_others_are_heard(
    start_apart: Starting, adapters: list[AdapterFile], ask: Making
) -> None:
    """Nobody waits for it; what is forgotten before its turn comes is pinned no more."""
    engine, num_pins = start_apart(), 500
    for number in range(num_pins):
        engine.pin(f"doc{number}", replace(adapters[0], sha256=f"{number:064x}"))
    os.kill(engine.pid, signal.SIGKILL)
    wait_until(lambda: not is_running(engine))
    wait_until_running(engine)
    assert collect(engine.stream(ask(None))).text
    engine.forget(f"doc{num_pins - 1}")

    wait_until(lambda: len(engine.kept_adapters()) == num_pins - 1, 120)


def test_steering_waits_for_no_process(start_apart: Starting, adapters: list[AdapterFile]) -> None:
    """While none runs, what needs one says so at once; what drops something has nothing to do."""
    engine = start_apart(replace(QUICKLY, first_pause=60.0))
    os.kill(engine.pid, signal.SIGKILL)
    wait_until(lambda: not is_running(engine))
    for call in (
        engine.kept_adapters,
        lambda: engine.preload("ann", adapters[0]),
        lambda: engine.pin("ann", adapters[0]),
    ):
        with pytest.raises(EngineFailedError, match="is started again"):
            call()
    for drop in (engine.forget, engine.unpin, engine.evict):
        drop("ann")

    assert engine.describe()["device"] == "cpu"


def test_stopped_process_does_not_hold_up_the_end(start_apart: Starting, ask: Making) -> None:
    """A process that hears nothing any more is ended all the same, and its answer is told."""
    engine = start_apart()
    pieces = engine.stream(ask(None, tokens=16_000))
    next(pieces)
    os.kill(engine.pid, signal.SIGSTOP)
    engine.close()
    engine.close()  # as a stopping server does

    assert is_gone(engine.pid)
    assert not is_running(engine)
    with pytest.raises(EngineFailedError, match="the server is stopping"):
        collect(pieces)
    with pytest.raises(EngineFailedError, match="the server is stopping"):
        collect(engine.stream(ask(None)))


def test_silent_process_is_replaced(start_apart: Starting, ask: Making) -> None:
    """One that gives no sign of life counts as dead: nobody waits for it for ever."""
    engine = start_apart(replace(QUICKLY, silent=20.0))
    silent = engine.pid
    os.kill(silent, signal.SIGSTOP)
    with pytest.raises(EngineFailedError, match="is started again"):
        collect(engine.stream(ask(None)))

    wait_until_running(engine)
    assert collect(engine.stream(ask(None))).completion_tokens == 12
    assert is_gone(silent)
