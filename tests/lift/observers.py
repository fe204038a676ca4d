"""Observers for tests of the method."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from app.lift.earlier import Earlier
from app.lift.observer import QAPair, Stage, StepMetrics

Result = TypeVar("Result")
_MOST_LIFTS = 50


class Recorder:
    """Keeps all that it hears; can end a lift at a step."""

    def __init__(self, stop_at_step: int | None = None) -> None:
        self.stages: list[tuple[Stage, int]] = []
        self.begun: list[tuple[Stage, int]] = []
        self.pairs: list[QAPair] = []
        self.num_tried: list[int] = []
        self.steps: list[StepMetrics] = []
        self._stop_at_step = stop_at_step

    def stage_started(self, stage: Stage, total: int, unit: str, completed: int = 0) -> None:
        self.stages.append((stage, total))
        self.begun.append((stage, completed))

    def progressed(self, completed: int) -> None:
        pass

    def pairs_written(self, pairs: Sequence[QAPair], num_tried: int) -> None:
        self.pairs += pairs
        self.num_tried.append(num_tried)

    def step_taken(self, metrics: StepMetrics) -> None:
        self.steps.append(metrics)
        if metrics.step == self._stop_at_step:
            raise InterruptedError

    def checkpoint_offered(self, step: int, write: Callable[[Path], None]) -> None:
        pass


class Keeper(Recorder):
    """Keeps what another lift can go on from; records what was kept, over all lifts."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.earlier = Earlier()
        self.lifts = 0
        self._folder = folder
        self._ends_at_next = False

    def in_pieces(self, lift: Callable[[], Result]) -> Result:
        """Lift again and again; each lift ends when one batch or step is kept and the next made."""
        for self.lifts in range(1, _MOST_LIFTS + 1):
            self._ends_at_next = False
            with suppress(InterruptedError):
                return lift()
        raise AssertionError(f"no end after {_MOST_LIFTS} lifts")

    def pairs_written(self, pairs: Sequence[QAPair], num_tried: int) -> None:
        self._end_if_kept()
        super().pairs_written(pairs, num_tried)
        written = (*self.earlier.pairs, *pairs)
        self._keep(replace(self.earlier, pairs=written, num_tried=num_tried))

    def step_taken(self, metrics: StepMetrics) -> None:
        self._end_if_kept()
        super().step_taken(metrics)

    def checkpoint_offered(self, step: int, write: Callable[[Path], None]) -> None:
        path = self._folder / f"{step}.safetensors"
        write(path)
        self._keep(replace(self.earlier, checkpoint=path))

    def _keep(self, earlier: Earlier) -> None:
        self.earlier = earlier
        self._ends_at_next = True

    def _end_if_kept(self) -> None:
        if self._ends_at_next:
            raise InterruptedError
