"""Engines without a model."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from threading import Event

from app.engine.answerer import AdapterFile, Ask, Piece, Reply, TokenLogprob
from app.engine.errors import AdaptersFullError, EngineFailedError
from app.engine.kept import KeptAdapter, Tier
from app.engine.measures import (
    BankMeasures,
    BatchMeasures,
    DeviceMemory,
    Distribution,
    EngineMeasures,
    Kept,
    PrefixMeasures,
)
from app.engine.sources import Composed


class FakeAnswerer:
    """Says what it was asked, or raises what it was told to."""

    def __init__(self) -> None:
        self.asks: list[Ask] = []
        self.forgotten: list[str] = []
        self.error: Exception | None = None
        self.closed = False
        self.is_running = True
        self.most_pins = 2
        self.device: DeviceMemory | None = None
        self._kept: dict[str, KeptAdapter] = {}

    def stream(self, ask: Ask) -> Iterator[Piece | Reply]:
        self.asks.append(ask)
        if self.error:
            raise self.error
        if ask.adapter:
            self.preload(ask.document_id, ask.adapter)
        share = 0.25 if ask.adapter else None
        words = f"{ask.question} in {len(ask.read_text())} characters".split(" ")
        for number, word in enumerate(words):
            yield _piece(word if number == 0 else f" {word}", share, ask.num_logprobs)
        yield Reply(
            text=" ".join(words),
            memory_share=share,
            finish_reason="stop",
            prompt_tokens=20,
            completion_tokens=len(words),
            swap_seconds=0.1,
            first_token_seconds=0.2,
            total_seconds=0.3,
            composed=_composed(ask) if ask.sources else None,
        )

    def forget(self, document_id: str) -> None:
        self.forgotten.append(document_id)
        self._kept.pop(document_id, None)

    def kept_adapters(self) -> list[KeptAdapter]:
        return list(self._kept.values())

    def preload(self, document_id: str, adapter: AdapterFile) -> None:
        known = self._kept.pop(document_id, None)
        is_pinned = known is not None and known.is_pinned
        size, now = adapter.size_bytes, datetime.now(UTC)
        self._kept[document_id] = KeptAdapter(
            adapter.sha256, document_id, Tier.SLOT, size, 0, is_pinned, now
        )

    def pin(self, document_id: str, adapter: AdapterFile) -> None:
        others = [kept for id_, kept in self._kept.items() if kept.is_pinned and id_ != document_id]
        if len(others) >= self.most_pins:
            raise AdaptersFullError("as many memories are pinned as may be")
        self.preload(document_id, adapter)
        self._kept[document_id] = replace(self._kept[document_id], is_pinned=True)

    def unpin(self, document_id: str) -> None:
        if known := self._kept.get(document_id):
            self._kept[document_id] = replace(known, is_pinned=False)

    def evict(self, document_id: str) -> None:
        self._kept.pop(document_id, None)

    def measures(self) -> EngineMeasures:
        none = Distribution((1.0,), (0, 0), 0.0)
        held = Kept(len(self._kept), sum(kept.size_bytes for kept in self._kept.values()))
        return EngineMeasures(
            started_at=0.0,
            batch=BatchMeasures(0, 0, none, none),
            prefixes=PrefixMeasures(0, 0, 0),
            bank=BankMeasures({Tier.SLOT: held}, 0, 4, 1000, 0, 0, 0, 0, none),
            device=self.device,
        )

    def close(self) -> None:
        self.closed = True

    def check_running(self) -> None:
        if not self.is_running:
            raise EngineFailedError("it sleeps")

    def describe(self) -> dict[str, str]:
        return {"model": "fake", "fingerprint": "0", "device": "cpu", "dtype": "float32"}


class Stumbler(FakeAnswerer):
    """Fails after its first word."""

    def stream(self, ask: Ask) -> Iterator[Piece | Reply]:
        yield Piece("Well", None)
        raise EngineFailedError("no memory left; ask again")


class Mute(FakeAnswerer):
    """Says nothing until it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.may_speak = Event()

    def stream(self, ask: Ask) -> Iterator[Piece | Reply]:
        assert self.may_speak.wait(20)
        yield from super().stream(ask)


class Babbler(FakeAnswerer):
    """Never ends unless it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.num_said = 0
        self.ended = Event()

    def stream(self, ask: Ask) -> Iterator[Piece | Reply]:
        try:
            while not self.closed:
                self.num_said += 1
                yield Piece("bla ", None)
                self.ended.wait(0.01)
            raise EngineFailedError("the server is stopping")
        finally:
            self.ended.set()


def _composed(ask: Ask) -> Composed:
    return Composed(tuple(len(source.passages) for source in ask.sources), num_cut_answers=0)


def _piece(text: str, share: float | None, num_logprobs: int | None) -> Piece:
    if num_logprobs is None:
        return Piece(text, share)
    others = (TokenLogprob(text, -0.5), TokenLogprob(" other", -1.5))
    return Piece(text, share, others[0], others[:num_logprobs])
