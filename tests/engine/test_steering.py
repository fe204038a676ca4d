"""Steering what an engine holds, in this process or in one of its own: told beforehand, it answers
at once; told to, it lets go.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event

import pytest

from app.engine.answerer import AdapterFile, Answerer, Ask, collect
from app.engine.batching import BatchingAnswerer, EngineLimits
from app.engine.errors import AdaptersFullError, UnusableAdapterError
from app.engine.kept import KeptAdapter, Tier
from tests.engine.conftest import path_of
from tests.tiny import tiny_base
from tests.waiting import wait_until

Asking = Callable[..., Ask]


class Fetching:
    """Lends an adapter's file, when it may, and counts how often."""

    def __init__(self, adapter: AdapterFile) -> None:
        self.num_fetches = 0
        self.may_come = Event()
        self.may_come.set()
        self._path = path_of(adapter)
        size_bytes = self._path.stat().st_size
        self.adapter = AdapterFile(self._lend, adapter.sha256, size_bytes)

    @contextmanager
    def _lend(self) -> Iterator[Path]:
        self.num_fetches += 1
        assert self.may_come.wait(60)
        yield self._path


def kept(engine: Answerer, document_id: str) -> KeptAdapter | None:
    """Return what an engine tells of a document."""
    return next((each for each in engine.kept_adapters() if each.document_id == document_id), None)


def wait_for(engine: Answerer, document_id: str, tier: Tier) -> KeptAdapter:
    """Wait until a document's adapter is somewhere."""
    wait_until(lambda: (found := kept(engine, document_id)) and found.tier is tier, 60)
    found = kept(engine, document_id)
    assert found
    return found


def test_preloading_and_asking_fetch_the_file_once(
    any_answerer: Answerer, adapters: list[AdapterFile], ask: Asking
) -> None:
    """The question that comes meanwhile waits for the same file, the one after for none."""
    fetching = Fetching(adapters[0])
    asked = replace(ask(adapters[0]), adapter=fetching.adapter)
    fetching.may_come.clear()

    any_answerer.preload(asked.document_id, fetching.adapter)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(lambda: collect(any_answerer.stream(asked)))
        wait_until(lambda: fetching.num_fetches, 60)
        fetching.may_come.set()
        first = waiting.result(60)
    shown = wait_for(any_answerer, asked.document_id, Tier.SLOT)

    assert (shown.sha256, shown.is_pinned) == (adapters[0].sha256, False)
    assert shown.size_bytes > 0
    assert collect(any_answerer.stream(asked)).text == first.text
    assert fetching.num_fetches == 1


def test_adapter_that_is_read_is_evicted_behind_its_answer(
    any_answerer: Answerer, adapters: list[AdapterFile], ask: Asking
) -> None:
    """The answer is whole, nothing is kept afterwards, and the next question loads it again."""
    fetching = Fetching(adapters[0])
    asked = replace(ask(adapters[0], tokens=60), adapter=fetching.adapter)
    expected = collect(any_answerer.stream(asked)).text
    pieces = any_answerer.stream(replace(asked, max_tokens=2000))
    first = next(pieces)
    wait_until(lambda: (found := kept(any_answerer, asked.document_id)) and found.num_answers, 60)
    any_answerer.evict(asked.document_id)

    assert collect(iter([first, *pieces])).text.startswith(expected)
    wait_until(lambda: not any_answerer.kept_adapters(), 60)
    assert fetching.num_fetches == 1
    assert collect(any_answerer.stream(asked)).text == expected
    assert fetching.num_fetches == 2


def test_pin_is_its_documents(
    any_answerer: Answerer, adapters: list[AdapterFile], ask: Asking
) -> None:
    """It goes over to a newer adapter that is asked for, and ends when the document is deleted."""
    first, second = (Fetching(adapter).adapter for adapter in adapters)
    any_answerer.pin("doc", first)
    assert wait_for(any_answerer, "doc", Tier.SLOT).is_pinned
    collect(any_answerer.stream(replace(ask(), adapter=second)))

    pinned = [each.sha256 for each in any_answerer.kept_adapters() if each.is_pinned]
    assert pinned == [second.sha256]
    any_answerer.unpin("doc")
    wait_until(lambda: not any(each.is_pinned for each in any_answerer.kept_adapters()))
    any_answerer.pin("doc", second)
    any_answerer.forget("doc")
    wait_until(lambda: not any_answerer.kept_adapters())


def test_preload_of_a_damaged_file_is_told(
    any_answerer: Answerer, adapters: list[AdapterFile], ask: Asking
) -> None:
    """By the list, and to who asks; others are unaffected."""
    path = path_of(adapters[0])
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    asked = ask(adapters[0])
    any_answerer.preload(asked.document_id, adapters[0])
    failure = wait_for(any_answerer, asked.document_id, Tier.FAILED).failure

    assert failure
    assert "damaged" in failure
    with pytest.raises(UnusableAdapterError, match="damaged"):
        collect(any_answerer.stream(asked))
    assert collect(any_answerer.stream(ask(adapters[1]))).memory_share is not None


def test_failure_that_is_evicted_under_a_question_ends_no_other(
    answerer: BatchingAnswerer,
    adapters: list[AdapterFile],
    ask: Asking,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The batch hears that a memory failed, and an operator drops it before it hears why."""
    evicted, error = list[str](), answerer.bank.error

    def evict_and_tell(key: str) -> Exception | None:
        if not evicted:
            evicted.append(key)
            answerer.evict("doc")
        return error(key)

    monkeypatch.setattr(answerer.bank, "error", evict_and_tell)
    sound = answerer.stream(ask(adapters[0], tokens=1500))
    first = next(sound)
    gone = AdapterFile(partial(nullcontext, Path("/nowhere")), "0" * 64)

    with pytest.raises(UnusableAdapterError, match="missing"):
        collect(answerer.stream(replace(ask(), adapter=gone)))
    assert evicted == ["0" * 64]
    assert collect(iter([first, *sound])).completion_tokens == 1500


def test_pins_may_take_what_adapters_may(adapters: list[AdapterFile]) -> None:
    """What a file will take is known before it is read, so no pin is promised and then broken."""
    first, second = (Fetching(adapter) for adapter in adapters)
    with closing(BatchingAnswerer(tiny_base())) as engine:
        engine.pin("first", first.adapter)
        size_bytes = wait_for(engine, "first", Tier.SLOT).size_bytes
    limits = EngineLimits(host_bytes=2 * size_bytes - 1)

    with closing(BatchingAnswerer(tiny_base(), limits)) as engine:
        engine.pin("first", first.adapter)
        with pytest.raises(AdaptersFullError, match="LIFT_ADAPTER_BYTES"):
            engine.pin("second", second.adapter)
        assert second.num_fetches == 0


def test_evicting_drops_what_was_read_of_the_text(
    answerer: BatchingAnswerer, adapters: list[AdapterFile], ask: Asking
) -> None:
    """The prefix takes more than the adapter, often."""
    asked = ask(adapters[0])
    collect(answerer.stream(asked))
    assert answerer.prefix_bytes > 0
    answerer.evict(asked.document_id)

    wait_until(lambda: answerer.prefix_bytes == 0)
