"""Which device and number format a base model runs in, found by a short probe of this machine."""

import time
from collections.abc import Callable

import torch
from torch.nn.functional import linear

from app.lift.errors import BaseModelError

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
_ROWS, _IN, _OUT = 256, 512, 1024
_ROUNDS = 5


def choose_device(wish: str) -> torch.device:
    """Return the device for `wish`: `auto` takes CUDA where there is one, else the CPU.

    Raises:
        BaseModelError: CUDA was asked for and is not there, or the wish is no device.
    """
    if wish == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wish)
    except RuntimeError as error:
        raise BaseModelError(
            f"LIFT_DEVICE={wish} is not a device: use auto, cpu, cuda or cuda:N"
        ) from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise BaseModelError(f"LIFT_DEVICE={wish} is not on this machine: use auto or cpu")
    return device


def choose_dtype(wish: str, device: torch.device) -> torch.dtype:
    """Return the number format for `wish`; `auto` takes the faster of bfloat16 and float32.

    On CPUs either may be many times faster than the other, by their instruction set, so both are
    timed on one matrix product (some milliseconds).

    Raises:
        BaseModelError: the wish is neither `auto`, `float32` nor `bfloat16`.
    """
    if wish in _DTYPES:
        return _DTYPES[wish]
    if wish != "auto":
        raise BaseModelError(f"LIFT_DTYPE={wish} is unknown: use auto, float32 or bfloat16")
    if device.type == "cuda":
        is_fast = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if is_fast else torch.float32
    return min(_DTYPES.values(), key=_seconds_for_product)


def _seconds_for_product(dtype: torch.dtype) -> float:
    rows = torch.ones(_ROWS, _IN, dtype=dtype)
    weight = torch.ones(_OUT, _IN, dtype=dtype)
    return min(_seconds(lambda: linear(rows, weight)) for _ in range(_ROUNDS))


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
