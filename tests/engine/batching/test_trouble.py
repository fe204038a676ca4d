"""The batching engine in trouble: whatever fails, hangs or is hoarded, the others are answered."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from app.engine.answerer import AdapterFile, Context, Sampling, collect
from app.engine.batching import BatchingAnswerer, EngineLimits
from app.engine.errors import EngineFailedError
from tests.engine.batching.conftest import Making, alone, at_once, said
from tests.lift.conftest import TEXT
from tests.tiny import tiny_base
from tests.waiting import wait_until


@pytest.mark.parametrize("kind", [RuntimeError, TypeError])
def test_failing_pass_ends_its_rows_and_no_others(
    kind: type[Exception],
    make_adapter: Making,
    start: Callable[..., BatchingAnswerer],
    ask: Callable,
) -> None:
    """Whoever was in it is told; the next question is answered as ever."""
    base = tiny_base()
    engine, asked = start(base), ask("ann", make_adapter(base, 1))
    expected = collect(engine.stream(asked)).text

    def fail(*_: object) -> None:
        raise kind("no memory is left")

    with (
        base.model.model.layers[1].register_forward_hook(fail),
        pytest.raises(EngineFailedError, match="no memory is left"),
    ):
        collect(engine.stream(asked))

    assert collect(engine.stream(asked)).text == expected
    wait_until(lambda: engine.num_rows == 0, 5)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_memory_that_says_no_numbers_fails_alone(
    make_adapter: Making,
    start: Callable[..., BatchingAnswerer],
    ask: Callable,
    temperature: float,
) -> None:
    """Nothing can be drawn from it: its own question is told, and others are answered as ever."""
    base = tiny_base()
    engine, sound = start(base), ask("ann", make_adapter(base, 1), 40)
    broken = replace(
        ask("broken", make_adapter(base, 2, scale=float("nan"))),
        sampling=Sampling(temperature=temperature),
    )
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(lambda: collect(engine.stream(sound)))
        with pytest.raises(EngineFailedError, match="no numbers"):
            collect(engine.stream(broken))

        assert said(waiting.result(60)) == alone(base, [sound])[0]
    assert at_once(base, engine, [sound] * 3) == alone(base, [sound]) * 3


def test_all_who_wait_for_a_file_hear_at_once_that_it_failed(
    start: Callable[..., BatchingAnswerer], ask: Callable
) -> None:
    """It is tried once for them together, and again for whoever asks later."""
    engine, may_fail, tries = start(tiny_base()), Event(), list[float]()

    @contextmanager
    def fetch() -> Iterator[Path]:
        tries.append(time.perf_counter())
        assert may_fail.wait(60)
        raise OSError("the store is away")
        yield

    asked = ask("ann", AdapterFile(fetch, "0" * 64))
    with ThreadPoolExecutor(5) as threads:
        waiting = [threads.submit(lambda: collect(engine.stream(asked))) for _ in range(5)]
        wait_until(lambda: engine.num_rows == 5, 20)
        may_fail.set()
        for each in waiting:
            with pytest.raises(OSError, match="the store is away"):
                each.result(60)
    assert len(tries) == 1
    with pytest.raises(OSError, match="the store is away"):
        collect(engine.stream(asked))
    assert len(tries) == 2


def test_document_gets_a_slot_though_another_is_asked_without_a_pause(
    make_adapter: Making, start: Callable[..., BatchingAnswerer], ask: Callable
) -> None:
    """Overlapping questions never leave the only slot idle by themselves."""
    base, stopping = tiny_base(), Event()
    engine = start(base, EngineLimits(slot_bytes=1))
    popular, other = ask("ann", make_adapter(base, 1), 60), ask("bob", make_adapter(base, 2), 4)
    collect(engine.stream(popular))

    def keep_asking() -> None:
        while not stopping.is_set():
            collect(engine.stream(popular))

    with ThreadPoolExecutor(4) as threads:
        for number in range(4):
            threads.submit(keep_asking)
            time.sleep(0.02 * number)
        try:
            told = said(collect(engine.stream(other)))
        finally:
            stopping.set()

    assert told == alone(base, [other])[0]


def test_long_text_holds_up_nobody_else(
    start: Callable[..., BatchingAnswerer], ask: Callable
) -> None:
    """While one document's text is still being read, another document is answered."""
    engine, reading = start(tiny_base()), Event()
    may_go_on, warm = Event(), ask("ann", None)
    textless = replace(ask("cy", None), context=Context.NONE)
    expected = [collect(engine.stream(warm)).text, collect(engine.stream(textless)).text]

    def read_slowly() -> str:
        reading.set()
        assert may_go_on.wait(60)
        return TEXT

    with ThreadPoolExecutor(1) as threads:
        slow = replace(ask("bob", None), read_text=read_slowly)
        waiting = threads.submit(lambda: collect(engine.stream(slow)))
        assert reading.wait(60)
        answers = [collect(engine.stream(warm)).text, collect(engine.stream(textless)).text]
        may_go_on.set()

        assert waiting.result(60).text
    assert answers == expected


def test_answer_that_takes_too_long_is_ended(
    start: Callable[..., BatchingAnswerer], ask: Callable
) -> None:
    """The deadline counts waiting, too, and says what to do."""
    engine = start(tiny_base(), EngineLimits(answer_seconds=0.3))

    with pytest.raises(EngineFailedError, match="took too long"):
        collect(engine.stream(ask("ann", None, 10_000)))


def test_pass_that_never_ends_is_told(
    start: Callable[..., BatchingAnswerer], ask: Callable
) -> None:
    """Whoever waits for a model that does not come back is told, and the engine is not well."""
    base, may_end = tiny_base(), Event()
    engine = start(base, EngineLimits(answer_seconds=0.5))

    def hang(*_: object) -> None:
        assert may_end.wait(60)

    with base.model.model.layers[1].register_forward_hook(hang):
        with pytest.raises(EngineFailedError, match="does not come back"):
            collect(engine.stream(ask("ann", None)))
        with pytest.raises(EngineFailedError, match="does not come back"):
            engine.check_running()
        may_end.set()
        wait_until(lambda: engine.num_rows == 0, 20)
    engine.check_running()


def test_closed_engine_ends_what_runs_and_refuses_the_rest(
    start: Callable[..., BatchingAnswerer], ask: Callable
) -> None:
    """Nobody waits for an engine that is gone."""
    engine = start(tiny_base())
    pieces = engine.stream(ask("ann", None, 10_000))
    next(pieces)
    engine.close()

    with pytest.raises(EngineFailedError, match="stopping"):
        collect(pieces)
    with pytest.raises(EngineFailedError, match="stopping"):
        collect(engine.stream(ask("bob", None)))
