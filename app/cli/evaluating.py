"""Shows an evaluation as it runs: bars on a terminal, a line a pass elsewhere."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.lift.observer import QAPair, Stage, StepMetrics


@contextmanager
def run_shown(console: Console) -> Iterator["RunShown"]:
    """Show a run inside the block."""
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[more]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with progress:
        yield RunShown(console, progress)


class RunShown:
    """A run's watcher."""

    def __init__(self, console: Console, progress: Progress) -> None:
        self._console = console
        self._progress = progress
        self._pass = progress.add_task("", visible=False, more="")
        self._judge = progress.add_task("judge", total=None, visible=False, more="verdicts")
        self._name = ""
        self._questions = ""

    def pass_started(self, document_id: str, label: str, num_questions: int) -> None:
        """Begin a bar for the pass."""
        self._name = f"{document_id}  {label}"
        self._questions = f"{num_questions} question{'s' if num_questions > 1 else ''}"
        self._progress.reset(self._pass, total=num_questions, description=self._name, visible=True)

    def training_started(self, document_id: str, label: str) -> "TrainingShown":
        """Begin a bar for the training beside it."""
        self.say(f"{document_id}  training for {label}")
        return TrainingShown(self._progress, f"{document_id}  training")

    def progressed(self, num_questions: int) -> None:
        """Move the pass's bar."""
        self._progress.advance(self._pass, num_questions)

    def pass_ended(self, seconds: float, failure: str | None) -> None:
        """Leave a line behind."""
        self._progress.update(self._pass, visible=False)
        ended = f"failed: {failure}" if failure else self._questions
        self.say(f"{self._name}  {ended}  {seconds:.1f} s")

    def judged(self) -> None:
        """Count the verdicts."""
        self._progress.update(self._judge, visible=True, advance=1)

    def say(self, line: str) -> None:
        """Print a line above the bars."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


class TrainingShown:
    """A training's observer: one bar, stage after stage."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress = progress
        self._name = name
        self._bar = progress.add_task(name, more="")
        self._last: int | None = None

    def stage_started(self, stage: Stage, total: int, unit: str, completed: int = 0) -> None:
        """Begin the stage."""
        self._last = total if stage is Stage.TRAIN else None
        description = f"{self._name}: {stage}"
        self._progress.reset(
            self._bar, total=total, completed=completed, description=description, more=unit
        )

    def progressed(self, completed: int) -> None:
        """Move the bar; it goes when the last stage is done."""
        self._progress.update(self._bar, completed=completed, visible=completed != self._last)

    def pairs_written(self, pairs: Sequence[QAPair], num_tried: int) -> None:
        """Say nothing: the bar counts them."""

    def step_taken(self, metrics: StepMetrics) -> None:
        """Show the loss."""
        self._progress.update(self._bar, more=f"loss {metrics.loss:.3f}")

    def checkpoint_offered(self, step: int, write: Callable[[Path], None]) -> None:
        """Take none: a memory that was not finished is trained anew."""
