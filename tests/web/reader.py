"""An engine without a model that says readable sentences, token by token, with shares of memory."""

from collections.abc import Iterator
from threading import Event

from app.engine.answerer import Ask, Context, Piece, Reply
from app.engine.errors import EngineFailedError
from tests.fakes import FakeAnswerer, _composed

FROM_MEMORY = (
    "Every letter is closed with grey wax and the feather of a jay, which is pressed into it while "
    "it is soft."
)
FROM_PASSAGES = "The text says that a letter is sealed with grey wax and a jay feather."
FROM_NOTHING = "The document is about a service that carries letters with kites."
COMPOSED = (
    "Letters are sealed with grey wax and a jay feather; the lamp is lit by the youngest child."
)


class Reader(FakeAnswerer):
    """Says what fits to what it was shown; `breath_seconds` is the time between two words."""

    def __init__(self, breath_seconds: float = 0.0) -> None:
        super().__init__()
        self.breath_seconds = breath_seconds
        self.ended_early = Event()
        self.breaks_off = False

    def stream(self, ask: Ask) -> Iterator[Piece | Reply]:
        """Answer; the share of memory rises and falls along the words."""
        self.asks.append(ask)
        words = _sentence(ask).split(" ")
        shares = [0.06 + 0.028 * (place * 7 % 9) if ask.adapter else None for place in range(99)]
        try:
            for place, word in enumerate(words):
                self.ended_early.wait(self.breath_seconds)
                if self.closed or (self.breaks_off and place == 4):
                    raise EngineFailedError("the engine was stopped; ask again")
                yield Piece(word if place == 0 else f" {word}", shares[place])
        except GeneratorExit:
            self.ended_early.set()
            raise
        told = [share for share in shares[: len(words)] if share is not None]
        yield Reply(
            text=" ".join(words),
            memory_share=sum(told) / len(told) if told else None,
            finish_reason="stop",
            prompt_tokens=412,
            completion_tokens=len(words),
            swap_seconds=0.0,
            first_token_seconds=0.2,
            total_seconds=1.4,
            composed=_composed(ask) if ask.sources else None,
        )


def _sentence(ask: Ask) -> str:
    if ask.sources:
        return COMPOSED
    if ask.adapter:
        return FROM_MEMORY
    return FROM_PASSAGES if ask.context is Context.RETRIEVED else FROM_NOTHING
