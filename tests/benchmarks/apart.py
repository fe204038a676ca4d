"""`python -m tests.benchmarks.apart`: what an engine in a process of its own costs, tiny model.

A model that computes next to nothing shows the way there and back. Both engines are asked in turn.
"""

import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from statistics import median

import torch

from app.embedded.engine import start_engine
from app.engine.answerer import Answerer, Ask, collect
from app.engine.apart.answering import ApartAnswerer
from app.engine.apart.messages import Load
from app.engine.batching import BatchingAnswerer
from app.lift.base_model import load_base_model
from app.lift.config import MethodConfig
from tests.tiny import save_tiny_model

_ROUNDS = 9
_TOKENS = 400
_METHOD = MethodConfig(window_tokens=240, context_tokens=64)


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        save_tiny_model(Path(folder))
        model = {"source": folder, "cache_dir": Path(folder), "device": "cpu", "dtype": "float32"}
        with (
            closing(BatchingAnswerer(load_base_model(**model))) as inline,
            closing(ApartAnswerer(start_engine, Load(model, {}))) as apart,
        ):
            for what, act in (
                ("question of one token, ms", lambda engine: 1e3 * _seconds(engine, 1)),
                ("piece of a long answer, ms", lambda engine: 1e3 * _seconds(engine) / _TOKENS),
                ("piece, 16 answers at once, ms", _at_once),
            ):
                _tell(what, act, inline, apart)


def _tell(what: str, act: Callable[[Answerer], float], inline: Answerer, apart: Answerer) -> None:
    act(inline), act(apart)  # what is kept from now on
    rounds = [(act(inline), act(apart)) for _ in range(_ROUNDS)]
    here, there = (median(each) for each in zip(*rounds, strict=True))
    print(f"{what}: inline {here:.3f}, apart {there:.3f}, added {there - here:.3f}")  # noqa: T201


def _seconds(engine: Answerer, tokens: int = _TOKENS) -> float:
    start = time.perf_counter()
    collect(engine.stream(Ask("Who?", "doc", lambda: "The lamp. " * 20, _METHOD, None, tokens)))
    return time.perf_counter() - start


def _at_once(engine: Answerer) -> float:
    start = time.perf_counter()
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda _: _seconds(engine, 100), range(16)))
    return 1e3 * (time.perf_counter() - start) / 1600


if __name__ == "__main__":
    main()
