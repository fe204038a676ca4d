"""The weights of many Gated Memories, stacked: a token reads the one whose slot its row names.

S slots, N tokens, H heads, D head size, E inner size of m, G of g. A layer's m and g are multiplied
as one: their first matrices stand side by side [H, D, E + G], their second ones along a diagonal
[H, E + G, D + 1]. Knows no adapter files, and not which slots are taken.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import silu

from app.engine.parts import Span
from app.lift.memory import GatedMemory, HeadShape, LayerMemory, MemoryRead, gate_of

_FEWEST_SLOTS, _FEW_TOKENS = 2, 4
_MOST_IDLE = 2  # slots for each that is read: to read the others costs time, too


class Stacked(NamedTuple):
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
            Stacked(*(torch.zeros(num_slots, *size, device=device, dtype=dtype) for size in sizes))
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
        with _copying(self.device):
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
        self._layers = layers
        groups = _groups(spans)
        device = layers[0].first.device
        self._ways = (
            [_Grid(groups, device)]
            if _is_worthwhile(groups)
            else [_One(slot, tokens, device) for slot, tokens in groups.items()]
        )

    def read(self, layer: int, query: Tensor) -> MemoryRead:
        """Read layer number `layer` for packed queries [1, N, H, D]."""
        stacked = self._layers[layer]
        if len(self._ways) == 1 and self._ways[0].num_tokens == query.shape[1]:
            return opened(self._ways[0].read(query[0], stacked)[None])
        heads, dim = query.shape[2:]
        read = query.new_full((1, query.shape[1], heads, dim + 1), -torch.inf)
        read[..., :-1] = 0
        for way in self._ways:
            read[0, way.tokens] = way.read(query[0], stacked)
        return opened(read)


class _One:
    """The tokens that read one slot, in a product of their own."""

    def __init__(self, slot: int, tokens: Sequence[int], device: torch.device) -> None:
        self._slot, self.num_tokens = slot, len(tokens)
        is_whole = tokens[-1] - tokens[0] == len(tokens) - 1
        self.tokens: slice | Tensor = (
            slice(tokens[0], tokens[-1] + 1) if is_whole else torch.tensor(tokens, device=device)
        )

    def read(self, query: Tensor, stacked: Stacked) -> Tensor:
        """Read queries [N, H, D]; gives [tokens, H, D + 1]."""
        own = query[self.tokens].transpose(0, 1)
        first, second = (weights[self._slot] for weights in stacked)
        return _two_layers(own, first, second).transpose(0, 1)


class _Grid:
    """The slots from the first to the last that is read, each with room for as many tokens as any.

    One product in place of one for each slot: what decoding needs, where each row has one token.
    """

    def __init__(self, groups: Mapping[int, list[int]], device: torch.device) -> None:
        places = sorted(
            (token, slot - min(groups), place)
            for slot, tokens in groups.items()
            for place, token in enumerate(tokens)
        )
        self.num_tokens = len(places)
        self.tokens, self._slots, self._places = torch.tensor(places, device=device).T
        self._reach = slice(min(groups), max(groups) + 1)
        self._most = _most_tokens(groups)

    def read(self, query: Tensor, stacked: Stacked) -> Tensor:
        """Read queries [N, H, D]; gives [tokens, H, D + 1]."""
        first, second = (weights[self._reach] for weights in stacked)
        num_slots, heads, dim = first.shape[:3]
        grid = query.new_zeros(num_slots, heads, self._most, dim)  # [S, H, T, D]
        grid[self._slots, :, self._places] = query[self.tokens]
        read = _two_layers(grid.flatten(0, 1), first.flatten(0, 1), second.flatten(0, 1))
        return read.view(num_slots, heads, self._most, -1)[self._slots, :, self._places]


def _groups(spans: Sequence[Span]) -> dict[int, list[int]]:
    """Return the tokens that read each slot."""
    groups = dict[int, list[int]]()
    for span in spans:
        if span.slot is not None:
            groups.setdefault(span.slot, []).extend(range(span.start, span.end))
    return groups


def _is_worthwhile(groups: Mapping[int, list[int]]) -> bool:
    if len(groups) < _FEWEST_SLOTS or _most_tokens(groups) > _FEW_TOKENS:
        return False
    return max(groups) - min(groups) < _MOST_IDLE * len(groups)


def _most_tokens(groups: Mapping[int, list[int]]) -> int:
    return max(map(len, groups.values()))


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


@contextmanager
def _copying(device: torch.device) -> Iterator[None]:
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


def _brought(weight: Tensor, like: Tensor) -> Tensor:
    """Return a weight where and as `like` is; through pinned memory, or the copy would block."""
    if like.device.type != "cuda":
        return weight
    return weight.to(like.dtype).pin_memory().to(like.device, non_blocking=True)


def _write(first: Tensor, second: Tensor, layer: LayerMemory) -> None:
    inner = _inner(layer)
    gate_inner = layer.gate_in.shape[2]
    first.zero_()
    second.zero_()
    first[..., :inner] = _brought(layer.memory_in, first)
    second[:, :inner, :-1] = _brought(layer.memory_out, second)
    first[..., -gate_inner:] = _brought(layer.gate_in, first)
    second[:, -gate_inner:, -1:] = _brought(layer.gate_out, second)
