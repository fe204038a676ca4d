"""The batching engine: whatever shares its passes, each answer is what it is alone."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from threading import Event

import pytest

from app.engine.answerer import (
    AdapterFile,
    Ask,
    Context,
    EngineBusyError,
    EngineFailedError,
    Piece,
    Reply,
    Sampling,
    Tier,
    collect,
)
from app.engine.batching import BatchingAnswerer, EngineLimits
from app.lift.adapter import Lifted, write_adapter
from app.lift.base_model import BaseModel
from app.lift.config import MethodConfig
from app.lift.memory import GatedMemory
from tests.engine.reference import answer_alone
from tests.lift.conftest import TEXT
from tests.tiny import tiny_base
from tests.waiting import wait_until

_SHAPES = ("llama", "qwen3", "gemma2")
_FEW = EngineLimits(rows=3, step_tokens=48, waiting=8, slot_bytes=1, row_bytes=10**8)
"""One slot, and prompts that take several steps."""
Making = Callable[..., AdapterFile]


@pytest.fixture(params=_SHAPES)
def base(request: pytest.FixtureRequest) -> BaseModel:
    """A tiny model of each shape."""
    return tiny_base(request.param)


@pytest.fixture
def make_adapter(tmp_path: Path) -> Making:
    """Write the adapter file of a random memory that is wide awake."""
    numbers = count()

    def make(base: BaseModel, seed: int, width_factor: int = 2, scale: float = 30.0) -> AdapterFile:
        import torch

        generator = torch.Generator().manual_seed(seed)
        memory = GatedMemory.initialised(base.shapes, width_factor, generator, scale)
        method = MethodConfig(memory_width_factor=width_factor)
        lifted = Lifted(memory, base, method, 1, 0, 1, (1.0,))
        path = tmp_path / f"{next(numbers)}.safetensors"
        info = write_adapter(path, lifted, document_sha256="", preset="paper", created_at="")
        return AdapterFile(partial(nullcontext, path), info.sha256)

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
    return [_said(collect(answer_alone(base, each))) for each in asks]


def at_once(engine: BatchingAnswerer, asks: Sequence[Ask]) -> list[tuple[str, float | None]]:
    """Ask everything at once."""
    with ThreadPoolExecutor(len(asks)) as threads:
        return [
            _said(reply) for reply in threads.map(lambda each: collect(engine.stream(each)), asks)
        ]


def _said(reply: Reply) -> tuple[str, float | None]:
    share = reply.memory_share
    return reply.text, None if share is None else round(share, 3)


def test_answers_of_a_batch_are_those_given_alone(
    base: BaseModel, make_adapter: Making, start: Callable[..., BatchingAnswerer], ask: Callable
) -> None:
    """Other documents, lengths, and rows without memory, in one batch: token for token the same."""
    asks = [
        ask("ann", make_adapter(base, 1), 8),
        ask("bob", make_adapter(base, 2), 3, "What stands in the second paragraph of it?"),
        ask("cy", None, 8),
        ask("dee", make_adapter(base, 3), 12),
        ask("ann", None, 5, "And who else?"),
    ]

    rows = list[int]()
    with base.model.get_output_embeddings().register_forward_hook(
        lambda _, __, logits: rows.append(logits.shape[1])
    ):
        said = at_once(start(base), asks)

    assert said == alone(base, asks)
    assert max(rows) > 1


def test_twice_as_many_documents_as_slots_are_all_answered(
    base: BaseModel, make_adapter: Making, start: Callable[..., BatchingAnswerer], ask: Callable
) -> None:
    """With a single slot, and few rows, memories come and go; nobody starves, nothing is mixed."""
    asks = [ask(name, make_adapter(base, seed)) for seed, name in enumerate("abcd")]
    engine = start(base, _FEW)

    assert at_once(engine, asks * 2) == alone(base, asks) * 2
    assert engine.bank.num_copies >= len(asks)


def test_prefix_that_was_read_before_changes_nothing(
    base: BaseModel, make_adapter: Making, start: Callable[..., BatchingAnswerer], ask: Callable
) -> None:
    """The second question on a document reads its own words only, and is answered the same."""
    engine, asked = start(base), ask("ann", make_adapter(base, 1))
    first = collect(engine.stream(asked))
    copies = engine.bank.num_copies
    read = list[int]()
    with base.model.get_input_embeddings().register_forward_hook(
        lambda _, args, __: read.append(args[0].shape[1])
    ):
        second = collect(engine.stream(asked))

    assert _said(first) == _said(second)
    assert max(read) == first.prompt_tokens - len(engine._show(asked).prompt.prefix)
    assert engine.bank.num_copies == copies == 1  # a hit copies nothing


def test_memory_trained_anew_never_meets_the_old_prefix(
    base: BaseModel, make_adapter: Making, start: Callable[..., BatchingAnswerer], ask: Callable
) -> None:
    """A, B and A again, under one document: each as if it were the only one."""
    asks = [ask("ann", make_adapter(base, seed)) for seed in (1, 2)]
    engine = start(base)
    order = [asks[0], asks[1], asks[0], replace(asks[0], adapter=None)]

    said = [_said(collect(engine.stream(each))) for each in order]

    assert said == alone(base, order)
    assert len({text for text, _ in said}) > 1


def test_wide_memory_runs_alone_and_is_right(
    make_adapter: Making, start: Callable[..., BatchingAnswerer], ask: Callable
) -> None:
    """A memory that fits into no slot shares no pass with others; all are answered."""
    base = tiny_base()
    asks = [
        ask("ann", make_adapter(base, 1)),
        ask("wide", make_adapter(base, 2, width_factor=3)),
        ask("cy", None),
    ]
    engine = start(base)

    assert at_once(engine, asks * 2) == alone(base, asks) * 2
    assert {kept.tier for kept in engine.bank.kept()} == {Tier.SLOT, Tier.ALONE}


def test_closing_an_answer_frees_all_that_it_held(
    make_adapter: Making, start: Callable[..., BatchingAnswerer], ask: Callable
) -> None:
    """Row, memory and place are given back within a step."""
    base = tiny_base()
    engine = start(base)
    pieces = engine.stream(ask("ann", make_adapter(base, 1), 10_000))
    next(pieces)
    assert [kept.num_answers for kept in engine.bank.kept()] == [1]
    pieces.close()  # type: ignore[attr-defined]

    wait_until(lambda: engine.num_rows == 0, 5)
    assert [kept.num_answers for kept in engine.bank.kept()] == [0]


def test_slow_reader_is_waited_for_and_others_go_on(
    make_adapter: Making, start: Callable[..., BatchingAnswerer], ask: Callable
) -> None:
    """Who does not read holds a row, but no token is made for nobody."""
    base = tiny_base()
    engine = start(base)
    slow = engine.stream(ask("ann", make_adapter(base, 1), 2000))
    first = next(slow)
    quick = collect(engine.stream(ask("bob", None, 300)))

    assert quick.completion_tokens == 300
    passes = list[int]()
    with base.model.model.layers[0].register_forward_hook(lambda *_: passes.append(1)):
        time.sleep(0.5)
    assert not passes
    reply = collect(iter([first, *slow]))
    assert reply.completion_tokens == 2000


def test_more_questions_than_may_wait_are_refused(
    make_adapter: Making, start: Callable[..., BatchingAnswerer], ask: Callable
) -> None:
    """The one too many hears so at once, and the others are answered."""
    base = tiny_base()
    engine = start(base, replace(_FEW, rows=1, waiting=1))
    running = engine.stream(ask("ann", None, 400))
    next(running)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(lambda: collect(engine.stream(ask("bob", None))))
        wait_until(lambda: engine.num_rows == 2, 5)
        with pytest.raises(EngineBusyError):
            collect(engine.stream(ask("cy", None)))
        collect(running)
        assert waiting.result(30).completion_tokens == 8


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

        assert _said(waiting.result(60)) == alone(base, [sound])[0]
    assert at_once(engine, [sound] * 3) == alone(base, [sound]) * 3


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
            said = _said(collect(engine.stream(other)))
        finally:
            stopping.set()

    assert said == alone(base, [other])[0]


def test_forgotten_document_is_read_for_nobody_else(
    start: Callable[..., BatchingAnswerer], ask: Callable
) -> None:
    """Those who waited for its beginning read it each for itself, and nothing of it is kept."""
    base, reading, may_go_on = tiny_base(), Event(), Event()
    engine = start(base, EngineLimits(step_tokens=16))
    asked = ask("ann", None)

    def wait(*_: object) -> None:
        reading.set()
        assert may_go_on.wait(60)

    with (
        base.model.model.layers[1].register_forward_hook(wait),
        ThreadPoolExecutor(3) as threads,
    ):
        waiting = [threads.submit(lambda: collect(engine.stream(asked))) for _ in range(3)]
        assert reading.wait(60)
        wait_until(lambda: engine.num_rows == 3, 20)
        engine.forget("ann")
        may_go_on.set()
        texts = {each.result(60).text for each in waiting}

    assert len(texts) == 1
    assert engine.prefix_bytes == 0


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


def test_deleted_document_leaves_nothing(
    make_adapter: Making, start: Callable[..., BatchingAnswerer], ask: Callable
) -> None:
    """Its memory and its prefix are gone within a step."""
    base = tiny_base()
    engine, asked = start(base), ask("ann", make_adapter(base, 1))
    collect(engine.stream(asked))
    assert engine.prefix_bytes > 0
    engine.forget("ann")

    wait_until(lambda: engine.prefix_bytes == 0, 5)
    assert engine.bank.kept() == []


def test_pieces_are_the_replys_text(
    make_adapter: Making, start: Callable[..., BatchingAnswerer], ask: Callable
) -> None:
    """What is streamed is what is answered."""
    base = tiny_base()
    *pieces, reply = start(base).stream(ask("ann", make_adapter(base, 1)))

    assert isinstance(reply, Reply)
    assert "".join(each.text for each in pieces if isinstance(each, Piece)) == reply.text
