"""The batching engine: whatever shares its passes, each answer is what it is alone."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event

import pytest

from app.engine.answerer import Piece, Reply, collect
from app.engine.batching import BatchingAnswerer, EngineLimits
from app.engine.errors import EngineBusyError
from app.engine.kept import Tier
from app.lift.base_model import BaseModel
from tests.engine.batching.conftest import Making, alone, at_once, said
from tests.tiny import tiny_base
from tests.waiting import wait_until

_SHAPES = ("llama", "qwen3", "gemma2")


_FEW = EngineLimits(rows=3, step_tokens=48, waiting=8, slot_bytes=1, row_bytes=10**8)
"""One slot, and prompts that take several steps."""


@pytest.fixture(params=_SHAPES)
def base(request: pytest.FixtureRequest) -> BaseModel:
    """A tiny model of each shape."""
    return tiny_base(request.param)


def test_answers_of_a_batch_are_those_given_alone(
    base: BaseModel, start: Callable[..., BatchingAnswerer], unlike: Callable
) -> None:
    """Other documents, lengths, and rows without memory, in one batch: token for token the same."""
    asks = unlike(base)

    rows = list[int]()
    with base.model.get_output_embeddings().register_forward_hook(
        lambda _, __, logits: rows.append(logits.shape[1])
    ):
        said = at_once(base, start(base), asks)

    assert said == alone(base, asks)
    assert max(rows) == len(asks)


def test_twice_as_many_documents_as_slots_are_all_answered(
    base: BaseModel, make_adapter: Making, start: Callable[..., BatchingAnswerer], ask: Callable
) -> None:
    """With a single slot, and few rows, memories come and go; nobody starves, nothing is mixed."""
    asks = [ask(name, make_adapter(base, seed)) for seed, name in enumerate("abcd")]
    engine = start(base, _FEW)

    assert at_once(base, engine, asks * 2) == alone(base, asks) * 2
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

    assert said(first) == said(second)
    assert max(read) == first.prompt_tokens - len(engine._show(asked).prompt.prefix)
    assert engine.bank.num_copies == copies == 1  # a hit copies nothing


def test_memory_trained_anew_never_meets_the_old_prefix(
    base: BaseModel, make_adapter: Making, start: Callable[..., BatchingAnswerer], ask: Callable
) -> None:
    """A, B and A again, under one document: each as if it were the only one."""
    asks = [ask("ann", make_adapter(base, seed)) for seed in (1, 2)]
    engine = start(base)
    order = [asks[0], asks[1], asks[0], replace(asks[0], adapter=None)]

    told = [said(collect(engine.stream(each))) for each in order]

    assert told == alone(base, order)
    assert len({text for text, _ in told}) > 1


@pytest.mark.parametrize(("low_rank_slot_bytes", "num_in_slots"), [(2**29, 3), (0, 1)])
def test_memories_of_every_form_share_passes(
    base: BaseModel,
    make_adapter: Making,
    start: Callable[..., BatchingAnswerer],
    ask: Callable,
    low_rank_slot_bytes: int,
    num_in_slots: int,
) -> None:
    """Those that are in no slot, too; each answer is its own, and only gates have a share."""
    asks = [
        ask("ann", make_adapter(base, 1)),
        ask("wide", make_adapter(base, 2, width_factor=3)),
        ask("lora", make_adapter(base, 3, kind="lora")),
        ask("pissa", make_adapter(base, 4, kind="pissa")),
        ask("cy", None),
    ]
    engine = start(base, EngineLimits(low_rank_slot_bytes=low_rank_slot_bytes))
    rows = list[int]()
    with base.model.get_output_embeddings().register_forward_hook(
        lambda _, __, logits: rows.append(logits.shape[1])
    ):
        told = at_once(base, engine, asks * 2)

    assert told == alone(base, asks) * 2
    assert [share is None for _, share in told[:5]] == [False, False, True, True, True]
    assert max(rows) == len(asks) * 2
    tiers = [kept.tier for kept in engine.bank.kept()]
    assert (tiers.count(Tier.SLOT), tiers.count(Tier.DEVICE)) == (num_in_slots, 4 - num_in_slots)


def test_low_rank_memories_beyond_the_limit_take_turns(
    make_adapter: Making, start: Callable[..., BatchingAnswerer], ask: Callable
) -> None:
    """No more of those in no slot are read at once than may be kept, and all are answered."""
    base = tiny_base()
    asks = [ask(name, make_adapter(base, seed, kind="lora")) for seed, name in enumerate("abcde")]
    collect((first := start(base)).stream(asks[0]))
    limit = 2 * first.bank.kept()[0].size_bytes
    limits = EngineLimits(host_bytes=limit, low_rank_slot_bytes=0)
    engine, read = start(base, limits), list[int]()
    with base.model.get_output_embeddings().register_forward_hook(
        lambda *_: read.append(
            sum(each.size_bytes for each in engine.bank.kept() if each.num_answers)
        )
    ):
        told = at_once(base, engine, asks * 2)

    assert told == alone(base, asks) * 2
    assert max(read) == limit


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
