"""An engine in a process of its own answers as one in ours does, and borrows what it needs."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

import psutil
import pytest

from app.engine.answerer import AdapterFile, Answerer, Ask, Context, Piece, Reply, Sampling, collect
from app.engine.apart.answering import ApartAnswerer
from app.engine.batching import BatchingAnswerer
from app.engine.errors import EngineBusyError, EngineFailedError
from app.engine.sources import Source
from app.lift.passages import Passage
from app.storage import DamagedFileError, StoreError
from tests.engine.conftest import path_of
from tests.engine.engines import Starting, cpu_seconds
from tests.lift.conftest import TEXT
from tests.waiting import wait_until

Making = Callable[..., Ask]


SOURCES = (Source("A", (Passage("The lamp was lit by Ann.", 0),), "Ann."), Source("B", (), "Bob."))


def said(engine: Answerer, asked: Ask) -> list[object]:
    """Return all of an answer but its times; shares up to rounding, which other rows change."""
    *pieces, reply = engine.stream(asked)
    assert isinstance(reply, Reply)
    told = [_told(piece) for piece in pieces if isinstance(piece, Piece)]
    counts = reply.prompt_tokens, reply.completion_tokens, reply.num_dropped_turns, reply.composed
    return [*told, reply.text, _rounded(reply.memory_share), reply.finish_reason, *counts]


def _told(piece: Piece) -> tuple[object, ...]:
    names = [each.token for each in (piece.token, *piece.likeliest) if each]
    return piece.text, _rounded(piece.memory_share), *names


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 3)


def test_answers_are_those_of_the_engine_in_this_process(
    answerer: BatchingAnswerer, apart: ApartAnswerer, adapters: list[AdapterFile], ask: Making
) -> None:
    """Piece for piece: with memory and without, sampled, stopped, with log-probabilities."""
    asks = [
        ask(adapters[0]),
        ask(adapters[1], "And who else?"),
        ask(None),
        replace(ask(adapters[0]), sampling=Sampling(temperature=1.0, seed=3, stop=("\n",))),
        replace(ask(None), num_logprobs=2),
        replace(ask(None), context=Context.RETRIEVED, sources=SOURCES),
    ]

    assert [said(apart, each) for each in asks] == [said(answerer, each) for each in asks]


def test_answers_at_once_are_those_given_alone(
    apart: ApartAnswerer, adapters: list[AdapterFile], ask: Making
) -> None:
    """Twenty questions from as many threads share the process's batch; no piece goes astray."""
    asks = [ask(adapters[0]), ask(adapters[1]), ask(None), ask(None, "Why?", 30)] * 5
    alone = [said(apart, each) for each in asks[:4]]
    with ThreadPoolExecutor(len(asks)) as threads:
        at_once = list(threads.map(lambda each: said(apart, each), asks))

    assert at_once == alone * 5


def test_warm_question_borrows_nothing(
    apart: ApartAnswerer, adapters: list[AdapterFile], ask: Making, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first needs one text and one file; the second neither."""
    wanted = list[object]()
    lender = apart._keeper.link.lender
    lend = lender.lend
    monkeypatch.setattr(lender, "lend", lambda message: (wanted.append(message), lend(message)))
    collect(apart.stream(ask(adapters[0])))
    assert len(wanted) == 2
    collect(apart.stream(ask(adapters[0], "And why?")))

    assert len(wanted) == 2


def test_file_is_lent_until_it_was_read(
    apart: ApartAnswerer, adapters: list[AdapterFile], ask: Making
) -> None:
    """The thread that fetched it lets it go, before the first piece of the answer comes."""
    told = list[tuple[str, int]]()

    @contextmanager
    def fetch() -> Iterator[Path]:
        told.append(("fetched", threading.get_ident()))
        yield path_of(adapters[0])
        told.append(("let go", threading.get_ident()))

    file = AdapterFile(fetch, adapters[0].sha256)
    collect(apart.stream(replace(ask(adapters[0]), adapter=file)))
    wait_until(lambda: len(told) == 2)

    (fetched, one), (let_go, other) = told
    assert (fetched, let_go) == ("fetched", "let go")
    assert one == other != threading.get_ident()


class _OddError(Exception):
    """Cannot be sent anywhere."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first)
        self.lock = threading.Lock()


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(2, "No such file", "a"),
        StoreError("the bucket is away"),
        DamagedFileError("not what was saved"),
        _OddError("odd", "one"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_error_of_a_loan_is_raised_where_it_was_asked(
    any_answerer: Answerer, adapters: list[AdapterFile], ask: Making, error: Exception
) -> None:
    """The very exception that text or file met, in either kind of engine; then all is well."""

    def fail() -> str:
        raise error

    @contextmanager
    def fetch() -> Iterator[Path]:
        raise error
        yield

    asked = ask(adapters[0])
    no_file = replace(asked, adapter=AdapterFile(fetch, adapters[0].sha256))
    with pytest.raises(type(error)) as by_file:
        collect(any_answerer.stream(no_file))
    any_answerer.forget(asked.document_id)
    with pytest.raises(type(error)) as by_text:
        collect(any_answerer.stream(replace(asked, read_text=fail)))

    assert by_file.value is by_text.value is error
    assert collect(any_answerer.stream(asked)).completion_tokens == 12


def test_question_too_many_is_refused_and_a_dropped_one_makes_room(
    start_apart: Starting, ask: Making
) -> None:
    """With room for one row and one that waits; whoever closes the iterator gives its place up."""
    engine = start_apart(rows=1, waiting=1)
    running, waiting = engine.stream(ask(None, tokens=16_000)), None
    next(running)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(lambda: collect(engine.stream(ask(None))))
        wait_until(lambda: _is_refused(engine, ask(None, tokens=1)))
        running.close()  # type: ignore[attr-defined]

        assert waiting.result(60).completion_tokens == 12
    assert collect(engine.stream(ask(None))).completion_tokens == 12


def _is_refused(engine: Answerer, asked: Ask) -> bool:
    pieces = engine.stream(replace(asked, is_wanted=_until(time.monotonic() + 0.5)))
    try:
        collect(pieces)
    except EngineBusyError:
        return True
    except EngineFailedError:  # it waited, and nobody else did yet
        return False
    return False


def _until(end: float) -> Callable[[], bool]:
    return lambda: time.monotonic() < end


def test_slow_reader_is_waited_for_and_misses_nothing(apart: ApartAnswerer, ask: Making) -> None:
    """The process stops computing for it; what is on its way is bounded; then all of it comes."""
    slow = apart.stream(ask(None, tokens=2000))
    first = next(slow)
    others = list[float]()

    def is_still() -> bool:
        before = cpu_seconds(apart)
        time.sleep(0.5)
        others.append(cpu_seconds(apart) - before)
        return others[-1] < 0.1

    wait_until(is_still, 120)
    (unread,) = apart._keeper.link._hearers.values()
    assert unread.qsize() <= 64
    reply = collect(iter([first, *slow]))

    assert reply.completion_tokens == 2000


def test_answer_that_nobody_waits_for_is_ended(apart: ApartAnswerer, ask: Making) -> None:
    """Who goes while the engine is silent is found out soon."""
    reading, gone = threading.Event(), threading.Event()

    def read_slowly() -> str:
        reading.set()
        assert gone.wait(60)
        return TEXT

    impatient = replace(ask(None), read_text=read_slowly, is_wanted=lambda: not gone.is_set())
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(lambda: collect(apart.stream(impatient)))
        assert reading.wait(60)
        gone.set()
        with pytest.raises(EngineFailedError, match="nobody waits"):
            waiting.result(60)

    assert collect(apart.stream(ask(None))).completion_tokens == 12


def test_questions_that_come_and_go_leave_nothing_behind(
    apart: ApartAnswerer, adapters: list[AdapterFile], ask: Making
) -> None:
    """Two hundred from twenty threads, closed at random: no row, no thread, no queue is left."""
    kinds = [ask(adapters[0], tokens=40), ask(adapters[1], tokens=40), ask(None, tokens=40)]
    expected = [[text for text, *_ in said(apart, each)[:40]] for each in kinds]
    process = psutil.Process(apart.pid)
    threads_before = process.num_threads()

    def ask_some(seed: int) -> None:
        random = Random(seed)
        for _ in range(10):
            kind, num_heard = random.randrange(3), random.randrange(1, 40)
            pieces = apart.stream(kinds[kind])
            heard = [next(pieces).text for _ in range(num_heard)]
            pieces.close()  # type: ignore[attr-defined]
            assert heard == expected[kind][:num_heard]

    with ThreadPoolExecutor(20) as threads:
        list(threads.map(ask_some, range(20)))

    assert apart.num_asks == 0
    wait_until(lambda: [kept.num_answers for kept in apart.kept_adapters()] == [0, 0])
    wait_until(lambda: process.num_threads() <= threads_before)
