"""Engines without a model."""

from collections.abc import Iterator
from threading import Event

from app.engine.answerer import Ask, EngineFailedError, Piece, Reply, TokenLogprob


class FakeAnswerer:
    """Says what it was asked, or raises what it was told to."""

    def __init__(self) -> None:
        self.asks: list[Ask] = []
        self.forgotten: list[str] = []
        self.error: Exception | None = None
        self.closed = False

    def stream(self, ask: Ask) -> Iterator[Piece | Reply]:
        self.asks.append(ask)
        if self.error:
            raise self.error
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
        )

    def forget(self, document_id: str) -> None:
        self.forgotten.append(document_id)

    def close(self) -> None:
        self.closed = True

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


def _piece(text: str, share: float | None, num_logprobs: int | None) -> Piece:
    if num_logprobs is None:
        return Piece(text, share)
    others = (TokenLogprob(text, -0.5), TokenLogprob(" other", -1.5))
    return Piece(text, share, others[0], others[:num_logprobs])
