"""Copies of a memory's weights from main memory to where answers read them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor


@contextmanager
def copying(device: torch.device) -> Iterator[None]:
    """Copy on a stream of our own on CUDA, beside the steps that run, and wait for the end."""
    if device.type != "cuda":
        yield
        return
    stream: Any = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    try:
        with torch.cuda.stream(stream):
            yield
    finally:
        stream.synchronize()  # after a failure, too: the next who writes has another stream


def brought(weight: Tensor, like: Tensor) -> Tensor:
    """Return a weight where and as `like` is; through pinned memory, or the copy would block."""
    if like.device.type != "cuda":
        return weight
    return weight.to(like.dtype).pin_memory().to(like.device, non_blocking=True)
