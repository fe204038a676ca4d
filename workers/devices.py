"""Which devices a worker trains on, and from which queues it takes its messages."""

from collections.abc import Sequence
from pathlib import Path

from billiard.process import current_process

from app.dispatch import queue_of
from app.settings import Settings

_NVIDIA = Path("/dev/nvidiactl")


def own_device(devices: Sequence[str]) -> str:
    """Return the device of this process of the worker's pool: each has one to itself."""
    return devices[getattr(current_process(), "index", 0) % len(devices)]


def queues(settings: Settings) -> list[str]:
    """Return the queues of jobs for any device and for this worker's kind."""
    return [queue_of(None), queue_of(_kind(settings.training_devices[0]))]


def _kind(device: str) -> str:
    # Not by torch, which the worker's own process never imports.
    if device == "auto":
        return "cuda" if _NVIDIA.exists() else "cpu"
    return device.partition(":")[0]
