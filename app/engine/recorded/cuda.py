"""Records what a function starts on CUDA, as a graph. Never run without a GPU."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch

Given = TypeVar("Given")
_WARM_UPS = 2
"""Libraries choose kernels and take memory in the first runs, which no graph may hold."""


class CudaRecorder:
    """A `Recorder` whose graphs share their memory: only one of them is played at a time."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._memory: Any = torch.cuda.graph_pool_handle()

    def __call__(self, function: Callable[[], Given]) -> Callable[[], Given]:
        """Run and record a function, and return what plays it: its result is that very one again.

        Other threads may use the device meanwhile. Whatever the function cannot do while it is
        recorded raises, and leaves the device as it was.
        """
        with torch.cuda.device(self._device):
            self._warm_up(function)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, self._memory, capture_error_mode="thread_local"):
                given = function()

        def play() -> Given:
            graph.replay()
            return given

        return play

    def _warm_up(self, function: Callable[[], object]) -> None:
        current: Any = torch.cuda.current_stream(self._device)
        aside: Any = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        aside.wait_stream(current)
        with torch.cuda.stream(aside):
            for _ in range(_WARM_UPS):
                function()
        current.wait_stream(aside)
