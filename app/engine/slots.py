"""The weights of many Gated Memories, stacked: a token reads the one whose slot its row names.

S slots, N tokens, H heads, D head size, E inner size of m, G of g. A layer's m and g are multiplied
as one: their first matrices stand side by side [H, D, E + G], their second ones along a diagonal
[H, E + G, D + 1]. Knows no adapter files, and not which slots are taken.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import silu

from app.engine.copying import brought, copying
from app.engine.parts import Span
from app.engine.slot_ways import Stacked, ways_of
from app.lift.kinds import DocumentMemory
from app.lift.memory import GatedMemory, HeadShape, LayerMemory, MemoryRead, gate_of


class Slots:
    """Room for some memories, taken once."""

    def __init__(
        self,
        shapes: Sequence[HeadShape],
        num_slots: int,
        width_factor: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        """Take room for `num_slots` memories of inner width `width_factor`·D at most."""
        self.num_slots, self.width_factor, self.device = num_slots, width_factor, device
        with torch.device("meta"):
            like = GatedMemory(shapes, width_factor)
        self._layers = [
            Stacked(*(torch.zeros(num_slots, *size, device=device, dtype=dtype) for size in sizes))
            for sizes in map(_sizes, _layers_of(like))
        ]

    @property
    def slot_bytes(self) -> int:
        """What one slot takes."""
        return sum(part[0].nbytes for stacked in self._layers for part in stacked)

    def fitting(self, memory: DocumentMemory) -> range:
        """Return the slots that can hold a memory: all, or none if it is wider than they are."""
        can_hold = isinstance(memory, GatedMemory) and all(
            _inner(layer) <= self.width_factor * layer.memory_in.shape[1]
            for layer in _layers_of(memory)
        )
        return range(self.num_slots if can_hold else 0)

    @torch.no_grad()
    def write(self, slot: int, memory: DocumentMemory) -> None:
        """Put a memory that fits into a slot that nobody reads."""
        assert isinstance(memory, GatedMemory)
        with copying(self.device):
            for stacked, layer in zip(self._layers, _layers_of(memory), strict=True):
                _write(stacked.first[slot], stacked.second[slot], layer)

    @property
    def layers(self) -> Sequence[Stacked]:
        """All slots' weights, layer by layer; they stay where they are."""
        return self._layers

    def reading(self, spans: Sequence[Span]) -> "SlotReading":
        """Return what the tokens of one pass read; those without a slot read nothing."""
        return SlotReading(self._layers, spans)


class SlotReading:
    """A `Memory` in which each token reads its own row's slot; without one, its gate is 0."""

    def __init__(self, layers: Sequence[Stacked], spans: Sequence[Span]) -> None:
        self._layers, self._ways = layers, ways_of(spans, layers[0].first.device)

    def read(self, layer: int, query: Tensor) -> MemoryRead:
        """Read layer number `layer` for packed queries [1, N, H, D]."""
        stacked = self._layers[layer]
        if len(self._ways) == 1 and self._ways[0].num_tokens == query.shape[1]:
            return opened(self._ways[0].read(query[0], stacked, _two_layers)[None])
        heads, dim = query.shape[2:]
        read = query.new_full((1, query.shape[1], heads, dim + 1), -torch.inf)
        read[..., :-1] = 0
        for way in self._ways:
            read[0, way.tokens] = way.read(query[0], stacked, _two_layers)
        return opened(read)


def opened(read: Tensor) -> MemoryRead:
    """Take apart what m and the last layer of g gave, [1, N, H, D + 1]."""
    return MemoryRead(read[..., :-1], gate_of(read[..., -1]))


def _two_layers(query: Tensor, first: Tensor, second: Tensor) -> Tensor:
    return torch.bmm(silu(torch.bmm(query, first)), second)


def _layers_of(memory: GatedMemory) -> list[LayerMemory]:
    return [layer for layer in memory.layers if isinstance(layer, LayerMemory)]


def _inner(layer: LayerMemory) -> int:
    return layer.memory_in.shape[2]


def _sizes(layer: LayerMemory) -> tuple[tuple[int, ...], tuple[int, ...]]:
    heads, dim, inner = layer.memory_in.shape
    both = inner + layer.gate_in.shape[2]
    return (heads, dim, both), (heads, both, dim + 1)


def _write(first: Tensor, second: Tensor, layer: LayerMemory) -> None:
    inner = _inner(layer)
    gate_inner = layer.gate_in.shape[2]
    first.zero_()
    second.zero_()
    first[..., :inner] = brought(layer.memory_in, first)
    second[:, :inner, :-1] = brought(layer.memory_out, second)
    first[..., -gate_inner:] = brought(layer.gate_in, first)
    second[:, -gate_inner:, -1:] = brought(layer.gate_out, second)
