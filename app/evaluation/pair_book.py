"""A document's question/answer pairs in one run: written once, for all methods that train on them.

They are kept as they come, so that a run that was killed goes on behind the last batch.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from app.evaluation.records import LineFile
from app.lift.config import MethodConfig
from app.lift.earlier import Earlier
from app.lift.observer import Observer, QAPair, Stage, StepMetrics

_DECIDING = (
    "num_qa_pairs num_held_back_pairs tokens_per_qa_pair qa_sentences question_style "
    "auxiliary_task qa_attempts seed"
).split()


def deciding_settings(method: MethodConfig) -> dict[str, Any]:
    """Return the settings that decide which pairs are written."""
    return {name: getattr(method, name) for name in _DECIDING}


class PairBook:
    """The pairs in one file, a line for each batch of tries."""

    def __init__(self, path: Path) -> None:
        self._file = LineFile(path)
        rows = list(self._file.rows())
        pairs = [QAPair(**pair) for row in rows for pair in row["pairs"]]
        num_tried = rows[-1]["num_tried"] if rows else 0
        self.earlier = Earlier(tuple(pairs), num_tried)
        """What stands in the file, for a lift to go on behind it."""
        self.seconds = sum(row["seconds"] for row in rows)
        """What the writing of these took."""

    def add(self, pairs: Sequence[QAPair], num_tried: int, seconds: float) -> None:
        """Write down a batch that took so many seconds."""
        row = {
            "num_tried": num_tried,
            "seconds": round(seconds, 3),
            "pairs": [asdict(pair) for pair in pairs],
        }
        self._file.append([row])


class BookKeeper:
    """An observer that writes pairs into a book and tells another of everything."""

    def __init__(self, book: PairBook, told: Observer) -> None:
        self._book = book
        self._told = told
        self._since = time.perf_counter()

    def stage_started(self, stage: Stage, total: int, unit: str, completed: int = 0) -> None:
        """Start the clock of the first batch."""
        self._since = time.perf_counter()
        self._told.stage_started(stage, total, unit, completed)

    def progressed(self, completed: int) -> None:
        """Tell it."""
        self._told.progressed(completed)

    def pairs_written(self, pairs: Sequence[QAPair], num_tried: int) -> None:
        """Write the batch down and tell it."""
        now = time.perf_counter()
        self._book.add(pairs, num_tried, now - self._since)
        self._since = now
        self._told.pairs_written(pairs, num_tried)

    def step_taken(self, metrics: StepMetrics) -> None:
        """Tell it."""
        self._told.step_taken(metrics)

    def checkpoint_offered(self, step: int, write: Callable[[Path], None]) -> None:
        """Tell it."""
        self._told.checkpoint_offered(step, write)
