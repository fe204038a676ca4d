"""Random schedules over a whole engine: whatever comes and goes, each answer is its own.

Questions on several documents, kinds and versions of memories, hung up at any moment, among what
operators do; on few rows, few slots of either kind and little room. At the end nothing is held.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice, product
from typing import NamedTuple

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.engine.all_slots import low_rank_slots_for
from app.engine.answerer import AdapterFile, Ask, collect
from app.engine.batching import BatchingAnswerer, EngineLimits
from app.engine.errors import AdaptersFullError
from app.engine.kept import Tier
from app.lift.adapter import Lifted, write_adapter
from app.lift.config import MethodConfig
from app.lift.kinds import DocumentMemory
from app.lift.memory import GatedMemory
from tests.engine.reference import answer_alone
from tests.tiny import tiny_base
from tests.waiting import wait_until

BASE = tiny_base()
LOW_RANK_SLOTS = 3  # as many as rows: fewer would be none
LIMITS = EngineLimits(
    rows=LOW_RANK_SLOTS,
    step_tokens=40,
    waiting=20,
    slot_bytes=1,
    low_rank_slot_bytes=LOW_RANK_SLOTS * low_rank_slots_for(BASE, 0, 1).slot_bytes,
    row_bytes=1_020_000,
)
METHOD = MethodConfig(window_tokens=256, context_tokens=60)
DOCUMENTS = {name: f"{name} lit the lamp of the tower each evening. " * 4 for name in "abc"}
LENGTHS = (1, 5, 100)
"""The last is longer than a place."""
MEMORIES = {
    "first": MethodConfig(),
    "second": MethodConfig(),
    "wide": MethodConfig(memory_width_factor=3),
    "lora": MethodConfig(memory_kind="lora", lora_rank=4),
    "pissa": MethodConfig(memory_kind="pissa", lora_rank=4),
    "second lora": MethodConfig(memory_kind="lora", lora_rank=4),
    "second pissa": MethodConfig(memory_kind="pissa", lora_rank=4),
}
"""Two for one slot, one that fits into none, and four for three."""
SHARING = {
    1: ("first", "second"),
    LOW_RANK_SLOTS: ("lora", "pissa", "second lora", "second pissa"),
}
"""The memories that take turns at so many slots."""


@dataclass(frozen=True)
class Question:
    """A question, and how many pieces of its answer somebody waits for; None waits for all."""

    document: str
    memory: str | None
    num_tokens: int
    num_heard: int | None


questions = st.builds(
    Question,
    st.sampled_from(sorted(DOCUMENTS)),
    st.sampled_from([None, *MEMORIES]),
    st.sampled_from([1, 5, 5, 5, 100]),
    st.one_of(st.none(), st.integers(0, 3)),
)
orders = st.tuples(
    st.sampled_from(["forget", "evict", "preload", "pin", "unpin"]),
    st.sampled_from(sorted(DOCUMENTS)),
    st.sampled_from(list(MEMORIES)),
)
Schedule = list[Question | tuple[str, str, str]]
schedules = st.lists(st.one_of(questions, questions, questions, orders), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def files(
    tmp_path_factory: pytest.TempPathFactory, make_low_rank: Callable[..., DocumentMemory]
) -> dict[str | None, AdapterFile | None]:
    """An adapter file of each memory."""
    made: dict[str | None, AdapterFile | None] = {None: None}
    for seed, (name, method) in enumerate(MEMORIES.items(), start=1):
        path = tmp_path_factory.mktemp("adapters") / f"{name}.safetensors"
        generator, width = torch.Generator().manual_seed(seed), method.memory_width_factor
        memory: DocumentMemory = (
            GatedMemory.initialised(BASE.shapes, width, generator, scale=30.0)
            if method.memory_kind == "gated-memory"
            else make_low_rank(BASE, method.memory_kind, seed)
        )
        lifted = Lifted(memory, BASE, method, 1, 0, 1, (1.0,))
        info = write_adapter(path, lifted, document_sha256="", preset="", created_at="")
        made[name] = AdapterFile(partial(nullcontext, path), info.sha256)
    return made


@pytest.fixture(scope="module")
def alone(files: Mapping[str | None, AdapterFile | None]) -> dict[tuple[object, ...], str]:
    """What each question is answered by transformers' own attention."""
    return {
        (document, memory, num_tokens): collect(
            answer_alone(BASE, ask(Question(document, memory, num_tokens, None), files))
        ).text
        for document, memory, num_tokens in product(DOCUMENTS, files, LENGTHS)
    }


class World(NamedTuple):
    """What a schedule is carried out on."""

    engine: BatchingAnswerer
    files: Mapping[str | None, AdapterFile | None]
    alone: Mapping[tuple[object, ...], str]


@pytest.fixture(scope="module")
def world(
    files: dict[str | None, AdapterFile | None], alone: dict[tuple[object, ...], str]
) -> Iterator[World]:
    """One engine, that all schedules come upon as the last one left it."""
    with closing(BatchingAnswerer(BASE, LIMITS)) as engine:
        yield World(engine, files, alone)


def ask(question: Question, files: Mapping[str | None, AdapterFile | None]) -> Ask:
    text, adapter = DOCUMENTS[question.document], files[question.memory]
    return Ask(
        "Who?", question.document, lambda: text, METHOD, adapter, max_tokens=question.num_tokens
    )


def hear(engine: BatchingAnswerer, question: Question, asked: Ask) -> str | None:
    """Return the answer, None if nobody waited for its end."""
    if question.num_heard is None:
        return collect(engine.stream(asked)).text
    with closing(engine.stream(asked)) as pieces:
        list(islice(pieces, question.num_heard))
    return None


def carry_out(
    engine: BatchingAnswerer, order: tuple[str, str, str], files: Mapping[str | None, AdapterFile]
) -> None:
    what, document, memory = order
    arguments = (document, files[memory]) if what in ("preload", "pin") else (document,)
    with suppress(AdaptersFullError):
        getattr(engine, what)(*arguments)


def run(world: World, schedule: Schedule) -> None:
    """Carry a schedule out, look at each answer, and at what is left."""
    engine, files, alone = world
    heard: list[tuple[Question, Future[str | None]]] = []
    with ThreadPoolExecutor(len(schedule)) as threads:
        for step in schedule:
            if isinstance(step, Question):
                heard.append((step, threads.submit(hear, engine, step, ask(step, files))))
            else:
                carry_out(engine, step, files)  # type: ignore[arg-type]
    for question, answer in heard:
        key = (question.document, question.memory, question.num_tokens)
        assert answer.result() in (None, alone[key])
    check_empty(engine, files)


def check_empty(engine: BatchingAnswerer, files: Mapping[str | None, AdapterFile | None]) -> None:
    wait_until(lambda: engine.num_rows == 0 and engine.pool.num_free == LIMITS.rows, 20)
    wait_until(lambda: all(each.tier is not Tier.COMING for each in engine.kept_adapters()), 20)
    kept = engine.kept_adapters()
    assert not any(each.num_answers for each in kept)
    in_slots = {each.sha256 for each in kept if each.tier is Tier.SLOT}
    for num_slots, names in SHARING.items():
        assert len(in_slots.intersection(_sha256(files[name]) for name in names)) <= num_slots
    assert _sha256(files["wide"]) not in in_slots


def _sha256(file: AdapterFile | None) -> str:
    assert file is not None
    return file.sha256


def over(num_schedules: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a test over so many random schedules."""
    bounds = settings(
        max_examples=num_schedules, deadline=None, suppress_health_check=list(HealthCheck)
    )
    return lambda test: bounds(given(schedule=schedules)(test))


@over(20)
def test_random_schedules_answer_rightly_and_end_empty(schedule: Schedule, world: World) -> None:
    """Token for token what each is told alone; and no row, place, slot or count stays behind."""
    run(world, schedule)


@pytest.mark.exhaustive
@over(1000)
def test_a_thousand_random_schedules(schedule: Schedule, world: World) -> None:
    """The same, for longer."""
    run(world, schedule)
