"""`python -m tests.benchmarks.recipes`: what a document costs by each preset, from text to memory.

`paper` is scaled to a window of 1,024 tokens and recomputes nothing, as the others. One text is
lifted once by each, one after the other: ten minutes or so.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from rich.console import Console
from rich.table import Table

from app.lift.base_model import load_base_model
from app.lift.config import MethodConfig
from app.lift.observer import Stage
from app.lift.pipeline import lift_document
from app.lift.presets import PRESETS
from app.samples import load_sample
from app.settings import Settings
from tests.lift.observers import Recorder

RECIPES: Mapping[str, MethodConfig] = MappingProxyType(
    {
        "paper": replace(
            PRESETS["paper"],
            segment_tokens=256,
            stride_tokens=96,
            recitation_context_tokens=512,
            window_tokens=1024,
            context_tokens=960,
            checkpoint_activations=False,
        ),
        "balanced": PRESETS["balanced"],
        "balanced-pissa": PRESETS["balanced-pissa"],
    }
)
COLUMNS = (
    "preset",
    "tokens a document token",
    "training of 1,000 tokens",
    "writing their pairs",
    "training: this / paper",
)


class Stopwatch(Recorder):
    """Tells how long the stages of a lift take."""

    def __init__(self) -> None:
        super().__init__()
        self._began: dict[Stage, float] = {}

    def stage_started(self, stage: Stage, total: int, unit: str, completed: int = 0) -> None:
        super().stage_started(stage, total, unit, completed)
        self._began[stage] = time.perf_counter()

    def seconds(self) -> tuple[float, float]:
        """Return what the writing of pairs took, and the training, if it ends now."""
        training = self._began[Stage.TRAIN]
        return training - self._began[Stage.SYNTHESISE], time.perf_counter() - training


def main() -> None:
    """Measure and print."""
    base = load_base_model("smollm2", Settings().model_cache_dir)
    text = load_sample("kitepost").text
    table = Table(title=f"{base.name} in {base.dtype} on {base.device}, the sample kitepost")
    for column in COLUMNS:
        table.add_column(column, justify="right")
    first = None
    for preset, method in RECIPES.items():
        watch = Stopwatch()
        lifted = lift_document(text, base, method, watch)
        writing, training = (1000 * each / lifted.num_tokens for each in watch.seconds())
        first = first or training
        processed = lifted.tokens_processed / lifted.num_tokens
        seconds = f"{training:.0f} s", f"{writing:.0f} s"
        table.add_row(preset, f"{processed:.1f}", *seconds, f"{training / first:.2f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
