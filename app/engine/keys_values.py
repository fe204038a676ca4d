"""What attention has seen: one row's keys and values, and the prefixes that rows may share.

P places, K key/value heads, T tokens, D head size. Layers may differ in K and D. Knows no model.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from mmap import mmap
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


class Pool:
    """Places for rows side by side, so that one product attends for many. For one thread.

    All of it is always finite, 0 at first: a product also reads, and weighs with 0, what lies
    between rows.
    """

    def __init__(self, num_places: int, place_tokens: int) -> None:
        """Have `num_places` of `place_tokens` each; the first row takes a layer's memory."""
        self.place_tokens = place_tokens
        self._num_places = num_places
        self._free = list(range(num_places))
        self._layers: dict[int, Seen] = {}

    @property
    def num_free(self) -> int:
        """Places that no row has."""
        return len(self._free)

    def take(self) -> int | None:
        """Return the first free place, if there is one: rows that run together lie together."""
        return heappop(self._free) if self._free else None

    @torch.inference_mode()
    def give_back(self, place: int, num_wiped: int) -> None:
        """Let another row have a place, with 0 in so many tokens from its beginning."""
        for seen in self.row(place).values() if num_wiped else ():
            for part in seen:
                part[:, :num_wiped] = 0
        heappush(self._free, place)

    def row(self, place: int) -> dict[int, Seen]:
        """Return a place of each layer that was taken, keys and values [K, T, D]."""
        return {
            layer: Seen(keys[place], values[place])
            for layer, (keys, values) in self._layers.items()
        }

    def layer(self, layer: int, like: Seen) -> Seen:
        """Return all places of a layer, keys and values [P, K, T, D]; `like` is of that layer."""
        if layer not in self._layers:
            self._layers[layer] = Seen(*(self._zeros(part) for part in like))
        return self._layers[layer]

    def _zeros(self, like: Tensor) -> Tensor:
        heads, _, dim = like.shape
        if like.device.type != "cpu":  # as pages are wanted: token by token, all heads of each
            size = (self._num_places, self.place_tokens, heads, dim)
            return like.new_zeros(size).transpose(1, 2)
        size = (self._num_places, heads, self.place_tokens, dim)
        untouched = mmap(-1, math.prod(size) * like.itemsize)  # takes memory where it is written
        return torch.frombuffer(untouched, dtype=like.dtype).view(size)


class RowCache:
    """The keys and values of one row, in room that is taken once for all its tokens."""

    def __init__(
        self, capacity: int, prefix: Prefix | None = None, pool: Pool | None = None
    ) -> None:
        """Take room for `capacity` tokens; the first of them are those of `prefix`.

        The room is a place of the pool's, if one is free that is large enough.
        """
        self._capacity, self.pool = capacity, pool
        fits = pool is not None and capacity <= pool.place_tokens
        self.place = pool.take() if pool and fits else None
        self.num_tokens = self._num_written = 0
        self._layers: dict[int, Seen] = {}
        try:
            self._begin_with(prefix)
        except BaseException:  # most often no memory is left: the place is another's then
            self.let_go(is_sound=False)
            raise

    def _begin_with(self, prefix: Prefix | None) -> None:
        if prefix is None:
            return
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
        self._num_written = end = self.num_tokens + new.keys.shape[1]
        room = self._layers[layer]
        return Seen(room.keys[:, :end], room.values[:, :end])

    def advance(self, num_tokens: int) -> None:
        """Count the tokens that all layers have now."""
        self.num_tokens += num_tokens

    def let_go(self, *, is_sound: bool = True) -> None:
        """Give the place back; the row must not be read any more.

        What was written is wiped if some of it may not be finite, and left to be overwritten else.
        """
        if self.pool and self.place is not None:
            written = max(self._num_written, self.num_tokens) + 1  # one more, if a pass has failed
            self.pool.give_back(self.place, 0 if is_sound else min(written, self._capacity))
        self.place = None
        self._layers.clear()

    def snapshot(self, num_tokens: int) -> Prefix:
        """Return a copy of the first tokens."""
        assert num_tokens <= self.num_tokens, "a prefix that was not read yet"
        rooms = self._layers
        if self.pool and self.place is not None:
            rooms = self.pool.row(self.place)
        layers = {
            layer: Seen(*(part[:, :num_tokens].clone() for part in room))
            for layer, room in rooms.items()
        }
        return Prefix(num_tokens, layers)

    def _room(self, layer: int, like: Seen) -> None:
        if self.pool and self.place is not None:
            keys, values = self.pool.layer(layer, like)
            self._layers[layer] = Seen(keys[self.place], values[self.place])
        else:
            self._layers[layer] = Seen(
                *(part.new_empty(part.shape[0], self._capacity, part.shape[2]) for part in like)
            )

    @torch.inference_mode()
    def _write(self, layer: int, start: int, new: Seen) -> None:
        for room, part in zip(self._layers[layer], new, strict=True):
            room[:, start : start + part.shape[1]] = part


def pool_of(cache: RowCache) -> Pool:
    """Return the pool in which a row has a place."""
    assert cache.pool is not None, "a row without a pool"
    return cache.pool
