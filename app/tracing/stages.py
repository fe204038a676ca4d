"""A span for each stage of an attempt: they follow each other, and the last one ends with it."""

from opentelemetry.trace import Span

from app.tracing.spans import begin


class StageSpans:
    """The stages of one attempt."""

    def __init__(self) -> None:
        self._current: Span | None = None

    def begin(self, stage: str) -> None:
        """Enter a stage, which ends the one before."""
        self.end()
        self._current = begin(f"stage {stage}", {"lift.stage": stage})

    def end(self) -> None:
        """Leave the stage; without one, do nothing."""
        if self._current:
            self._current.end()
            self._current = None
