"""Shows a document being lifted: bars and a loss curve on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterable

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from app.cli.curve import loss_curve
from app.client_views import Document

_PLAIN_SECONDS = 5.0
"""Time between two plain lines within one stage."""


def show_lifting(console: Console, documents: Iterable[Document]) -> Document:
    """Show each state that `documents` gives, until there are no more; return the last one."""
    if console.is_terminal:
        return _show_live(console, documents)
    return _show_lines(console, documents)


def _show_live(console: Console, documents: Iterable[Document]) -> Document:
    bars = _StageBars(console)
    with Live(console=console, refresh_per_second=4) as live:
        for document in documents:
            bars.update(document)
            live.update(_picture(bars.progress, document, console.width))
    return document


def _picture(bars: Progress, document: Document, width: int) -> RenderableType:
    if not document.losses:
        return bars
    losses = [loss.loss for loss in document.losses]
    curve = loss_curve(losses, width=min(60, width - 10))
    title = f"\nloss after {document.losses[-1].step} steps: {losses[-1]:.3f}\n"
    return Group(bars, Text(title + curve))


class _StageBars:
    """One bar for each stage that was seen, in the order of their coming."""

    def __init__(self, console: Console) -> None:
        self.progress = Progress(
            TextColumn("{task.description:12}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            TimeElapsedColumn(),
            console=console,
        )
        self._stage: str | None = None
        self._bar: TaskID | None = None

    def update(self, document: Document) -> None:
        """Move the running stage's bar, and begin another where a stage begins."""
        stage = _stage(document)
        if stage != self._stage:
            self._close(completed=document.status in ("running", "ready"))
            self._stage = stage
            if not document.is_settled:
                self._bar = self.progress.add_task(stage, total=None, unit="")
        if self._bar is not None and (now := document.progress):
            self.progress.update(self._bar, completed=now.completed, total=now.total, unit=now.unit)

    def _close(self, completed: bool) -> None:
        if self._bar is None:
            return
        if completed:
            total = self.progress.tasks[self._bar].total or 1
            self.progress.update(self._bar, completed=total, total=total)
        self.progress.stop_task(self._bar)
        self._bar = None


def _show_lines(console: Console, documents: Iterable[Document]) -> Document:
    shown, shown_stage, shown_at = "", "", 0.0
    for document in documents:
        line, stage, now = _line(document), _stage(document), time.monotonic()
        if stage != shown_stage or (line != shown and now - shown_at >= _PLAIN_SECONDS):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
            shown, shown_stage, shown_at = line, stage, now
    if curve := loss_curve([loss.loss for loss in document.losses]):
        console.print(curve, markup=False, highlight=False)
    return document


def _line(document: Document) -> str:
    words = [_stage(document)]
    if document.queue_position is not None:
        words.append(f"place {document.queue_position}")
    if document.progress and not document.is_settled:
        progress = document.progress
        words.append(f"{progress.completed}/{progress.total} {progress.unit}")
    if document.losses:
        words.append(f"loss {document.losses[-1].loss:.3f}")
    return "  ".join(words)


def _stage(document: Document) -> str:
    return (document.stage if document.status == "running" else None) or document.status
