"""`make bench`: how fast the real SmolLM2 trains here, as ratios within one run.

Every ratio compares two ways in turn, several times, and takes the medians: a machine that slows
down half-way slows both.
"""

import platform
import time
from collections.abc import Callable
from dataclasses import replace
from random import Random
from statistics import median

import torch
from rich.console import Console
from rich.table import Table

from app.lift.base_model import BaseModel, load_base_model
from app.lift.examples import ExampleGroup, TrainingData, recitation_groups
from app.lift.losses import example_losses
from app.lift.memory import GatedMemory
from app.lift.presets import PRESETS
from app.lift.segments import cut_segments
from app.lift.trainer import plan_steps
from app.samples import load_sample
from app.settings import Settings

ROUNDS = 5
METHOD = PRESETS["quick"]


def main() -> None:
    """Measure and print."""
    base = load_base_model("smollm2", Settings().model_cache_dir)
    memory = GatedMemory.initialised(base.shapes, 2, torch.Generator().manual_seed(0))
    table = Table(title=f"{base.name} in {base.dtype} on {base.device}, {_machine()}")
    for column in ("what", "this", "against", "ratio"):
        table.add_column(column)
    for row in (
        _packed_against_alone(base, memory),
        _memory_against_bare_training(base, memory),
        _processed_tokens(base),
        _bfloat16_against_float32(),
    ):
        table.add_row(*row)
    Console(width=120).print(table)


def _packed_against_alone(base: BaseModel, memory: GatedMemory) -> tuple[str, ...]:
    group = _recitations(base)
    alone = [ExampleGroup(group.prefix, (example,)) for example in group.examples]
    packed, single = _in_turn(
        lambda: _train(base, memory, [group]), lambda: _train(base, memory, alone)
    )
    what = f"training step, {len(group.examples)} recitations: packed / one by one"
    return what, f"{packed:.2f} s", f"{single:.2f} s", f"{packed / single:.2f}"


def _memory_against_bare_training(base: BaseModel, memory: GatedMemory) -> tuple[str, ...]:
    group = _recitations(base)
    with torch.no_grad():
        plugged, bare = _in_turn(
            lambda: _plugged(base, memory, lambda: example_losses(base, group)),
            lambda: example_losses(base, group),
        )
    what = f"forward pass, {group.num_tokens} tokens: with memory / bare model"
    return what, f"{plugged:.2f} s", f"{bare:.2f} s", f"{plugged / bare:.2f}"


def _processed_tokens(base: BaseModel) -> tuple[str, ...]:
    text = load_sample("osmerrow").text
    tokens = base.tokenize(text)
    counts = []
    for method in (METHOD, replace(METHOD, recitations_per_context=1)):
        segments = cut_segments(tokens, method.segment_tokens, method.stride_tokens)
        steps = plan_steps(base, TrainingData(text, tokens, segments, ()), method)
        counts.append(sum(group.num_tokens for groups in steps for group in groups) / len(tokens))
    what = "tokens processed a document token, `quick`: shared contexts / one for each segment"
    return what, f"{counts[0]:.1f}", f"{counts[1]:.1f}", f"{counts[0] / counts[1]:.2f}"


def _bfloat16_against_float32() -> tuple[str, ...]:
    cache_dir = Settings().model_cache_dir
    narrow, wide = (
        load_base_model("smollm2", cache_dir, "cpu", dtype) for dtype in ("bfloat16", "float32")
    )
    ids = torch.arange(100, 356)[None]
    with torch.no_grad():
        fast, slow = _in_turn(lambda: narrow.model(ids), lambda: wide.model(ids))
    what = "forward pass of 256 tokens on the CPU: bfloat16 / float32"
    return what, f"{fast:.2f} s", f"{slow:.2f} s", f"{fast / slow:.2f}"


def _recitations(base: BaseModel) -> ExampleGroup:
    tokens = base.tokenize(load_sample("osmerrow").text)
    segments = cut_segments(tokens, METHOD.segment_tokens, METHOD.stride_tokens)
    return next(recitation_groups(base, tokens, segments, METHOD, Random(0)))


def _train(base: BaseModel, memory: GatedMemory, groups: list[ExampleGroup]) -> None:
    def backward() -> None:
        for group in groups:
            example_losses(base, group).sum().backward()

    _plugged(base, memory, backward)
    memory.zero_grad()


def _plugged(base: BaseModel, memory: GatedMemory, call: Callable[[], object]) -> None:
    with base.plugged(memory):
        call()


def _in_turn(first: Callable[[], object], second: Callable[[], object]) -> tuple[float, float]:
    """Return both calls' median seconds; the first round warms up and does not count."""
    rounds = [(_seconds(first), _seconds(second)) for _ in range(ROUNDS + 1)][1:]
    return median(one for one, _ in rounds), median(two for _, two in rounds)


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _machine() -> str:
    return f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}"


if __name__ == "__main__":
    main()
