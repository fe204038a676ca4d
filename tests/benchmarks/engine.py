"""`python -m tests.benchmarks.engine`: what answering many at once brings, with the real SmolLM2.

Ratios of medians within one run; the ways that are compared take turns. Memories are random: what
they say does not matter to the time. Answers never end before their last token.
"""

import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

import structlog
import torch
from rich.console import Console
from rich.table import Table

from app.engine.answerer import AdapterFile, Ask, Piece, Reply, collect
from app.engine.batching import BatchingAnswerer
from app.engine.prompting import show
from app.lift.adapter import Lifted, read_adapter, write_adapter
from app.lift.base_model import BaseModel, load_base_model
from app.lift.kinds import DocumentMemory, empty_memory, form_of
from app.lift.memory import GatedMemory
from app.lift.presets import PRESETS
from app.samples import load_sample
from app.settings import Settings

ROUNDS, NUM_DOCUMENTS, NUM_TOKENS = 3, 16, 48
METHOD = PRESETS["quick"]
PISSA = replace(METHOD, memory_kind="pissa", lora_rank=None)
"""At as many trained parameters as Gated Memory."""
LONG = replace(METHOD, context_tokens=1500, window_tokens=2048)
QUESTION = "What is told here of the people, and of what they do?"


class Row(NamedTuple):
    """One line of the table."""

    what: str
    this: str
    against: str
    ratio: float
    wanted: str


class Tireless(BaseModel):
    """A model whose answers end by their length only."""

    __slots__ = ()

    @property
    def stop_ids(self) -> frozenset[int]:
        return frozenset()


def main() -> None:
    """Measure and print."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    loaded = load_base_model("smollm2", Settings().model_cache_dir)
    base = Tireless(*(getattr(loaded, field.name) for field in fields(loaded)))
    title = f"{base.name} in {base.dtype} on {base.device}, {torch.get_num_threads()} threads"
    table = Table(title=f"{title}, torch {torch.__version__}; medians of {ROUNDS}")
    for column in ("what", "this", "against", "ratio", "wanted"):
        table.add_column(column)
    with bench(base) as measured:
        for row in measured.rows():
            table.add_row(row.what, row.this, row.against, f"{row.ratio:.3g}", row.wanted)
    Console(width=140).print(table)


class Bench:
    """An engine, and documents to ask."""

    def __init__(
        self, base: BaseModel, adapters: Sequence[AdapterFile], low_rank: Sequence[AdapterFile]
    ) -> None:
        self._base, self._adapters, self._low_rank = base, adapters, low_rank
        self._text = load_sample("osmerrow").text
        self.engine = BatchingAnswerer(base)

    def ask(self, number: int, *, bare: bool = False, tokens: int = NUM_TOKENS) -> Ask:
        """Ask a document of its own text and memory."""
        text = self._text[number * 500 :] + self._text[: number * 500]
        adapter = None if bare else self._adapters[number]
        return Ask(QUESTION, f"doc{number}", lambda: text, METHOD, adapter, tokens)

    def ask_low_rank(self, number: int, tokens: int = NUM_TOKENS) -> Ask:
        """Ask a document whose memory is a PiSSA."""
        return replace(self.ask(number, tokens=tokens), adapter=self._low_rank[number])

    def rows(self) -> Iterator[Row]:
        """Measure everything."""
        for number in range(NUM_DOCUMENTS):  # read the beginnings, with memories and without
            collect(self.engine.stream(self.ask(number, tokens=1)))
            collect(self.engine.stream(self.ask(number, bare=True, tokens=1)))
            collect(self.engine.stream(self.ask_low_rank(number, tokens=1)))
        yield from self._decoding_alone()
        yield from self._many()
        yield from self._many_low_rank()
        yield self._first_token()
        yield from self._swap_and_load()
        yield self._against_generate()

    def _decoding_alone(self) -> Iterator[Row]:
        asks = [self.ask(0), self.ask(0, bare=True), self.ask_low_rank(0)]
        ways = [partial(self._decode_rate, ask) for ask in asks]
        memory, bare, low_rank = in_turn(ways, ROUNDS * 3)
        yield rates("decoding, one answer: with memory / bare model", memory, bare, "≥ 0.85")
        yield rates("decoding, one answer: with PiSSA / bare model", low_rank, bare, "≥ 0.6")

    def _many(self) -> Iterator[Row]:
        numbers = range(NUM_DOCUMENTS)
        ways: list[Callable[[], float]] = [
            partial(self._rate, [self.ask(number) for number in numbers]),
            partial(self._rate, [self.ask(number, bare=True) for number in numbers]),
            partial(self._rate, [self.ask(3)] * NUM_DOCUMENTS),
            lambda: self._rate_one_by_one([self.ask(number) for number in numbers]),
        ]
        memory, bare, same, single = in_turn(ways, ROUNDS)
        many = f"{NUM_DOCUMENTS} questions on as many documents"
        yield rates(f"{many}: with memory / bare model", memory, bare, "≥ 0.75")
        yield rates(f"{many}: at once / one by one", memory, single, "≥ 5")
        yield rates(f"{many}, at once / on one document", memory, same, "≥ 0.8")

    def _many_low_rank(self) -> Iterator[Row]:
        asks = [self.ask_low_rank(number) for number in range(NUM_DOCUMENTS)]
        gated = [self.ask(number) for number in range(NUM_DOCUMENTS)]
        ways: list[Callable[[], float]] = [
            partial(self._rate, asks),
            partial(self._rate, gated),
            lambda: self._rate_one_by_one(asks),
        ]
        low_rank, gates, single = in_turn(ways, ROUNDS)
        many = f"{NUM_DOCUMENTS} questions on as many documents"
        yield rates(f"{many}, PiSSA: at once / one by one", low_rank, single, "≥ 3")
        yield rates(f"{many}: PiSSA / Gated Memory", low_rank, gates, "≥ 0.6")

    def _first_token(self) -> Row:
        ask = replace(self.ask(1, tokens=1), method=LONG)

        def cold() -> float:
            self.engine.forget(ask.document_id)
            return collect(self.engine.stream(ask)).first_token_seconds

        rounds = [
            (cold(), collect(self.engine.stream(ask)).first_token_seconds) for _ in range(ROUNDS)
        ]
        slow, fast = (median(each) for each in zip(*rounds, strict=True))
        what = (
            f"first token over {LONG.context_tokens} tokens: text read before / for the first time"
        )
        return Row(what, f"{fast:.2f} s", f"{slow:.2f} s", fast / slow, "≤ 0.2")

    def _swap_and_load(self) -> Iterator[Row]:
        asks = [self.ask(number % 4, tokens=1) for number in range(ROUNDS * 4)]
        swap = median(collect(self.engine.stream(ask)).swap_seconds for ask in asks)
        load = median(map(self._load_seconds, range(ROUNDS * 2)))
        what = "another document's memory: swap of a kept one / load from disk"
        yield Row(what, f"{swap * 1e3:.2f} ms", f"{load * 1e3:.0f} ms", swap / load, "< 1 ms")

    def _against_generate(self) -> Row:
        asks = [replace(self.ask(number, bare=True), document_id="new") for number in range(3)]
        ours, theirs = list[float](), list[float]()
        for ask in [*asks[:1], *asks]:  # the first one warms up
            self.engine.forget(ask.document_id)
            ours.append(seconds(lambda ask=ask: collect(self.engine.stream(ask))))  # type: ignore[misc]
            theirs.append(seconds(lambda ask=ask: self._generate(ask)))  # type: ignore[misc]
        mine, other = sum(ours[1:]), sum(theirs[1:])
        what = f"{len(asks)} answers of {NUM_TOKENS} tokens, bare, one by one: here / `generate`"
        return Row(what, f"{mine:.1f} s", f"{other:.1f} s", mine / other, "≤ 1")

    def _generate(self, ask: Ask) -> None:
        shown = show(self._base, ask, lambda: self._base.tokenize(ask.read_text()))
        ids = torch.tensor([shown.prompt.ids])
        length = {"max_new_tokens": NUM_TOKENS, "min_new_tokens": NUM_TOKENS}
        self._base.model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, **length
        )

    def _decode_rate(self, ask: Ask) -> float:
        """Return the tokens a second behind the first one."""
        pieces = self.engine.stream(ask)
        next(pieces)
        started = time.perf_counter()
        num_pieces = sum(isinstance(each, Piece) for each in pieces)
        return num_pieces / (time.perf_counter() - started)

    def _rate(self, asks: Sequence[Ask]) -> float:
        """Return the tokens a second of all answers together, asked at once."""
        started = time.perf_counter()
        with ThreadPoolExecutor(len(asks)) as threads:
            replies = list(threads.map(lambda ask: collect(self.engine.stream(ask)), asks))
        return _num_tokens(replies) / (time.perf_counter() - started)

    def _rate_one_by_one(self, asks: Sequence[Ask]) -> float:
        started = time.perf_counter()
        replies = [collect(self.engine.stream(ask)) for ask in asks]
        return _num_tokens(replies) / (time.perf_counter() - started)

    def _load_seconds(self, number: int) -> float:
        adapter = self._adapters[number]
        with adapter.fetch() as path:
            return seconds(lambda: read_adapter(path, self._base, adapter.sha256))


@contextmanager
def bench(base: BaseModel) -> Iterator[Bench]:
    """Write the memories' files, and start the engine."""
    with tempfile.TemporaryDirectory() as folder:
        numbers, path = range(NUM_DOCUMENTS), Path(folder)
        adapters = [_adapter(base, _gated(base, number), path / f"{number}") for number in numbers]
        low_rank = [_adapter(base, _pissa(base, number), path / f"p{number}") for number in numbers]
        measured = Bench(base, adapters, low_rank)
        try:
            yield measured
        finally:
            measured.engine.close()


def in_turn(ways: Sequence[Callable[[], float]], rounds: int) -> list[float]:
    """Return each way's median."""
    found = [[way() for way in ways] for _ in range(rounds)]
    return [median(each) for each in zip(*found, strict=True)]


def rates(what: str, this: float, against: float, wanted: str) -> Row:
    """Return a line of tokens a second."""
    return Row(what, f"{this:.1f} tok/s", f"{against:.1f} tok/s", this / against, wanted)


def seconds(call: Callable[[], object]) -> float:
    """Return how long a call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _num_tokens(replies: Sequence[Reply]) -> int:
    return sum(reply.completion_tokens for reply in replies)


def _gated(base: BaseModel, seed: int) -> GatedMemory:
    return GatedMemory.initialised(base.shapes, 2, torch.Generator().manual_seed(seed))


def _pissa(base: BaseModel, seed: int) -> DocumentMemory:
    generator = torch.Generator().manual_seed(seed)
    memory = empty_memory(base, form_of(base, PISSA)).to_empty(device=base.device)
    for tensor in memory.state_dict().values():
        tensor.normal_(std=0.01, generator=generator)
    return memory


def _adapter(base: BaseModel, memory: DocumentMemory, path: Path) -> AdapterFile:
    method = METHOD if isinstance(memory, GatedMemory) else PISSA
    lifted = Lifted(memory, base, method, 1, 0, 1, (1.0,))
    info = write_adapter(path, lifted, document_sha256="", preset="quick", created_at="")
    return AdapterFile(partial(nullcontext, path), info.sha256)


if __name__ == "__main__":
    main()
