"""The weights of many Gated Memories, stacked: a token reads the one whose slot its row names.

S slots, N tokens, H heads, D head size, E inner size of m, G of g. A layer's m and g are multiplied
as one: their first matrices stand side by side [H, D, E + G], their second ones along a diagonal
[H, E + G, D + 1]. Knows no adapter files, and not which slots are taken.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import silu

from app.engine.packed import Span
from app.lift.memory import GatedMemory, HeadShape, LayerMemory, MemoryRead

_FEW_TOKENS = 4
_MOST_IDLE = 2  # slots for each that is read: to read the others costs time, too


class _Stacked(NamedTuple):
    """One layer's weights in all slots."""

    first: Tensor
    """[S, H, D, E + G]."""
    second: Tensor
    """[S, H, E + G, D + 1]."""


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
            _Stacked(*(torch.zeros(num_slots, *size, device=device, dtype=dtype) for size in sizes))
            for sizes in map(_sizes, _layers_of(like))
        ]

    @property
    def slot_bytes(self) -> int:
        """What one slot takes."""
        return sum(part[0].nbytes for stacked in self._layers for part in stacked)

    def can_hold(self, memory: GatedMemory) -> bool:
        """Say whether a memory is no wider than the slots."""
        return all(
            _inner(layer) <= self.width_factor * layer.memory_in.shape[1]
            for layer in _layers_of(memory)
        )

    @torch.no_grad()
    def write(self, slot: int, memory: GatedMemory) -> None:
        """Put a memory, no wider than the slots, into a slot that nobody reads."""
        for stacked, layer in zip(self._layers, _layers_of(memory), strict=True):
            _write(stacked.first[slot], stacked.second[slot], layer)

    def reading(self, spans: Sequence[Span]) -> "SlotReading":
        """Return what the tokens of one pass read; those without a slot read nothing."""
        return SlotReading(self._layers, spans)


class SlotReading:
    """A `Memory` in which each token reads its own row's slot; without one, its gate is 0."""

    def __init__(self, layers: Sequence[_Stacked], spans: Sequence[Span]) -> None:
        self._layers = layers
        self._groups = _groups(spans)
        most = max((len(tokens) for tokens in self._groups.values()), default=0)
        num_slots = len(layers[0].first)
        self._grid = None
        if most <= _FEW_TOKENS and num_slots <= _MOST_IDLE * len(self._groups):
            self._grid = _Grid(self._groups, num_slots, most, layers[0].first.device)

    def read(self, layer: int, query: Tensor) -> MemoryRead:
        """Read layer number `layer` for packed queries [1, N, H, D]."""
        _, num_tokens, heads, dim = query.shape
        first, second = self._layers[layer]
        read = query.new_zeros(num_tokens, heads, dim + 1)
        gate = query.new_zeros(num_tokens, heads)
        if self._grid:
            tokens = self._grid.tokens
            read[tokens] = self._grid.read(query[0], first, second)
            gate[tokens] = _gate(read[tokens, :, -1])
        else:
            for slot, tokens in self._groups.items():
                own = _two_layers(query[0, tokens].transpose(0, 1), first[slot], second[slot])
                read[tokens] = own.transpose(0, 1)  # [T, H, D + 1]
                gate[tokens] = _gate(own[..., -1].T)
        return MemoryRead(read[None, ..., :-1], gate[None])


class _Grid:
    """All slots at once, each with room for as many tokens as the fullest has.

    One product in place of one for each slot: what decoding needs, where each row has one token.
    """

    def __init__(
        self, groups: Mapping[int, list[int]], num_slots: int, most: int, device: torch.device
    ) -> None:
        places = [
            (token, slot, place)
            for slot, tokens in groups.items()
            for place, token in enumerate(tokens)
        ]
        self.tokens, self._slots, self._places = torch.tensor(places, device=device).T
        self._size = (num_slots, most)

    def read(self, query: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Read queries [N, H, D] with weights [S, H, …]; gives [tokens, H, D + 1]."""
        heads, dim = query.shape[1:]
        grid = query.new_zeros(*self._size, heads, dim)  # [S, T, H, D]
        grid[self._slots, self._places] = query[self.tokens]
        read = _two_layers(
            grid.transpose(1, 2).flatten(0, 1), first.flatten(0, 1), second.flatten(0, 1)
        )  # [S·H, T, D + 1]
        return read.view(-1, heads, *read.shape[1:])[self._slots, :, self._places]


def _groups(spans: Sequence[Span]) -> dict[int, list[int]]:
    """Return the tokens that read each slot."""
    groups = dict[int, list[int]]()
    for span in spans:
        if span.slot is not None:
            groups.setdefault(span.slot, []).extend(range(span.start, span.end))
    return groups


def _two_layers(query: Tensor, first: Tensor, second: Tensor) -> Tensor:
    return torch.bmm(silu(torch.bmm(query, first)), second)


def _gate(score: Tensor) -> Tensor:
    return torch.sigmoid(3 * (score - 1))


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
    first[..., :inner] = layer.memory_in
    second[:, :inner, :-1] = layer.memory_out
    first[..., -gate_inner:] = layer.gate_in
    second[:, -gate_inner:, -1:] = layer.gate_out
