"""Who is told of a lift as it happens. The method calls it and knows no database, no terminal."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Protocol


class Stage(StrEnum):
    """The stages of a lift inside the method, in their order."""

    SEGMENT = "segment"
    SYNTHESISE = "synthesise"
    TRAIN = "train"


@dataclass(frozen=True, slots=True)
class QAPair:
    """A question and its answer about the document, with the words that prove it."""

    question: str
    answer: str
    evidence: str
    """Verbatim substring of the document's text."""
    start: int
    """Offset of the evidence in the document's text, in characters."""
    is_held_back: bool = False
    """Never trained on: it measures the memory."""


class Tries(NamedTuple):
    """What one batch of tries to write a pair gave."""

    pairs: list[QAPair]
    num_tried: int
    """Places of the text that were tried, also those that gave no pair."""


@dataclass(frozen=True, slots=True)
class StepMetrics:
    """One optimiser step."""

    step: int
    """Counted from 1."""
    loss: float
    """Mean over the step's examples of the mean loss over their supervised tokens, in nats."""
    gradient_norm: float
    """Before clipping."""
    learning_rate: float
    tokens: int
    """Tokens processed in this step, supervised or not."""


class Observer(Protocol):
    """Hears of a lift. Whatever a call raises ends the lift: this is how it is cancelled.

    A lift that goes on from an earlier one tells only what is new.
    """

    def stage_started(self, stage: Stage, total: int, unit: str, completed: int = 0) -> None:
        """A stage begins that will complete `total` units, `completed` of them in earlier lifts."""
        ...

    def progressed(self, completed: int) -> None:
        """So many units of the running stage are done."""
        ...

    def pairs_written(self, pairs: Sequence[QAPair], num_tried: int) -> None:
        """A batch of tries gave these question/answer pairs, or none.

        `num_tried` counts the places tried so far, in earlier lifts, too. Who keeps it together
        with the pairs can go on behind them; see `Earlier`.
        """
        ...

    def step_taken(self, metrics: StepMetrics) -> None:
        """The trainer took an optimiser step."""
        ...

    def checkpoint_offered(self, step: int, write: Callable[[Path], None]) -> None:
        """Behind step `step`: `write` puts a checkpoint into a file, whole or not at all.

        It is good until this call returns, when the training goes on, and raises `OSError` if the
        file cannot be written.
        """
        ...
