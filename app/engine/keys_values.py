"""What attention has seen: one row's keys and values, and the prefixes that rows may share.

L layers, K key/value heads, T tokens, D head size. Layers may differ in K and D. Knows no model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class Seen(NamedTuple):
    """Keys and values of one layer, each [K, T, D]."""

    keys: Tensor
    values: Tensor


@dataclass(frozen=True, slots=True)
class Prefix:
    """The keys and values of a prompt's beginning, never changed."""

    num_tokens: int
    layers: Mapping[int, Seen]

    @property
    def num_bytes(self) -> int:
        """The memory that it holds."""
        return sum(part.nbytes for seen in self.layers.values() for part in seen)

    def to(self, device: torch.device) -> "Prefix":
        """Return it on another device."""
        layers = {
            layer: Seen(*(part.to(device, non_blocking=True) for part in seen))
            for layer, seen in self.layers.items()
        }
        return Prefix(self.num_tokens, layers)


class RowCache:
    """The keys and values of one row, in room that is taken once for all its tokens."""

    def __init__(self, capacity: int, prefix: Prefix | None = None) -> None:
        """Take room for `capacity` tokens; the first of them are those of `prefix`."""
        self._capacity = capacity
        self.num_tokens = 0
        self._layers: dict[int, Seen] = {}
        if prefix:
            self.num_tokens = prefix.num_tokens
            for layer, seen in prefix.layers.items():
                self._room(layer, seen)
                self._write(layer, 0, seen)

    def extend(self, layer: int, new: Seen) -> Seen:
        """Write a layer's next tokens, and return all that it has seen with them.

        `advance` makes them part of the row once every layer has them.
        """
        if layer not in self._layers:
            self._room(layer, new)
        self._write(layer, self.num_tokens, new)
        end = self.num_tokens + new.keys.shape[1]
        room = self._layers[layer]
        return Seen(room.keys[:, :end], room.values[:, :end])

    def advance(self, num_tokens: int) -> None:
        """Count the tokens that all layers have now."""
        self.num_tokens += num_tokens

    def snapshot(self, num_tokens: int) -> Prefix:
        """Return a copy of the first tokens."""
        assert num_tokens <= self.num_tokens, "a prefix that was not read yet"
        layers = {
            layer: Seen(*(part[:, :num_tokens].clone() for part in room))
            for layer, room in self._layers.items()
        }
        return Prefix(num_tokens, layers)

    def _room(self, layer: int, like: Seen) -> None:
        self._layers[layer] = Seen(
            *(part.new_empty(part.shape[0], self._capacity, part.shape[2]) for part in like)
        )

    def _write(self, layer: int, start: int, new: Seen) -> None:
        for room, part in zip(self._layers[layer], new, strict=True):
            room[:, start : start + part.shape[1]] = part
