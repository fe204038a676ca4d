"""How long a memory's training takes on this machine: told by its first steps, taken anew."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from app.evaluation.analyses.errors import AnalysisError
from app.evaluation.analyses.subject import Subject
from app.lift.observer import QAPair, Stage, StepMetrics
from app.lift.pipeline import lift_document

_FEWEST_SECONDS = 10.0
_MOST_STEPS = 10


def estimate_training_seconds(subject: Subject, clock: Callable[[], float]) -> float:
    """Train on the document for some steps, and scale to the tokens that the memory has seen.

    Stops after ten steps, or ten seconds. Writing the question/answer pairs is not counted.

    Raises:
        AnalysisError: the adapter does not say how many tokens it was trained on.
    """
    if not subject.tokens_processed:
        raise AnalysisError(
            "the adapter does not say how many tokens it was trained on: give the time that its "
            "training took with --training-seconds"
        )
    few_pairs = replace(
        subject.method, num_qa_pairs=min(1, subject.method.num_qa_pairs), num_held_back_pairs=0
    )
    watch = _Stopwatch(clock)
    with suppress(_SeenEnoughError):
        lift_document(subject.text, subject.base, few_pairs, watch)
    return watch.seconds / watch.num_tokens * subject.tokens_processed


class _SeenEnoughError(Exception):
    """Ends the training that was only timed."""


class _Stopwatch:
    """Times the steps of a lift, and ends it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._started = 0.0
        self.seconds = 0.0
        self.num_tokens = 0

    def stage_started(
        self,
        stage: Stage,  # noqa: ARG002
        total: int,  # noqa: ARG002
        unit: str,  # noqa: ARG002
        completed: int = 0,  # noqa: ARG002
    ) -> None:
        """Start anew: the stage that counts is the last."""
        self._started = self._clock()

    def progressed(self, completed: int) -> None:
        """Hear nothing."""

    def pairs_written(self, pairs: Sequence[QAPair], num_tried: int) -> None:
        """Hear nothing."""

    def step_taken(self, metrics: StepMetrics) -> None:
        """Count the step; raise after enough."""
        self.seconds = self._clock() - self._started
        self.num_tokens += metrics.tokens
        if metrics.step >= _MOST_STEPS or self.seconds >= _FEWEST_SECONDS:
            raise _SeenEnoughError

    def checkpoint_offered(self, step: int, write: Callable[[Path], None]) -> None:
        """Take none: nobody goes on with this training."""
