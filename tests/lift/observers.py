"""Observers for tests of the method."""

from app.lift.observer import QAPair, Stage, StepMetrics


class Recorder:
    """Keeps all that it hears; can end a lift at a step."""

    def __init__(self, stop_at_step: int | None = None) -> None:
        self.stages: list[tuple[Stage, int]] = []
        self.pairs: list[QAPair] = []
        self.steps: list[StepMetrics] = []
        self._stop_at_step = stop_at_step

    def stage_started(self, stage: Stage, total: int, unit: str) -> None:
        self.stages.append((stage, total))

    def progressed(self, completed: int) -> None:
        pass

    def qa_pair_written(self, pair: QAPair) -> None:
        self.pairs.append(pair)

    def step_taken(self, metrics: StepMetrics) -> None:
        self.steps.append(metrics)
        if metrics.step == self._stop_at_step:
            raise InterruptedError
