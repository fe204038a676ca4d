"""The prefixes that were read before: a document's text is read once, whoever asks about it.

A prefix belongs to its very tokens and to the memory that was plugged in while they were read: with
another memory, keys and values are others. Knows no rows.
"""

import hashlib
from array import array
from collections import OrderedDict
from collections.abc import Sequence

import torch

from app.engine.keys_values import Prefix

_HOST = torch.device("cpu")


def prefix_key(memory_key: str | None, tokens: Sequence[int]) -> str:
    """Return what tells a prefix from all others; `memory_key` is the adapter file's hash."""
    digest = hashlib.sha256((memory_key or "no memory").encode())
    digest.update(array("q", tokens).tobytes())
    return digest.hexdigest()


class Prefixes:
    """Prefixes on the device and, behind them, in main memory. For one thread."""

    def __init__(self, device: torch.device, device_bytes: int, host_bytes: int) -> None:
        """Keep up to so many bytes in each place; no `host_bytes` where the device is the CPU."""
        self._device = device
        self._near = _Shelf(device_bytes)
        self._far = _Shelf(host_bytes)
        self._documents: dict[str, str] = {}

    @property
    def num_bytes(self) -> int:
        """What all prefixes hold together."""
        return self._near.num_bytes + self._far.num_bytes

    def get(self, key: str) -> Prefix | None:
        """Return a prefix on the device, None if it is not kept; it is used last now."""
        if prefix := self._near.take(key):
            self._near.put(key, prefix)
        elif prefix := self._far.take(key):
            prefix = prefix.to(self._device)
            self._put(key, prefix)
        return prefix

    def put(self, key: str, prefix: Prefix, document_id: str) -> None:
        """Keep a prefix of a document's."""
        self._documents[key] = document_id
        self._put(key, prefix)

    def forget(self, document_id: str) -> None:
        """Drop what was read of a document."""
        for key in [key for key, owner in self._documents.items() if owner == document_id]:
            self._drop(key)

    def clear(self) -> None:
        """Drop everything."""
        for key in list(self._documents):
            self._drop(key)

    def _put(self, key: str, prefix: Prefix) -> None:
        for old_key, old in self._near.put(key, prefix):
            for lost, _ in self._far.put(old_key, old.to(_HOST)):
                self._documents.pop(lost, None)

    def _drop(self, key: str) -> None:
        self._documents.pop(key, None)
        self._near.take(key)
        self._far.take(key)


class _Shelf:
    """Room for some bytes; what was put there first leaves first."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[str, Prefix] = OrderedDict()
        self.num_bytes = 0

    def take(self, key: str) -> Prefix | None:
        prefix = self._kept.pop(key, None)
        self.num_bytes -= prefix.num_bytes if prefix else 0
        return prefix

    def put(self, key: str, prefix: Prefix) -> list[tuple[str, Prefix]]:
        """Keep a prefix; returns those for which there is no room any more, maybe itself."""
        self._kept[key] = prefix
        self.num_bytes += prefix.num_bytes
        left = list[tuple[str, Prefix]]()
        while self.num_bytes > self._most_bytes:
            oldest = next(iter(self._kept))
            removed = self.take(oldest)
            assert removed is not None
            left.append((oldest, removed))
        return left
