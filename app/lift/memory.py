"""Gated Memory, and the socket that plugs it into a frozen base model (paper, section 3.4).

Per layer and query head: a memory m(q) ∈ R^D and a gate g(q) ∈ (0, 1); the head's attention output
becomes g·m + (1−g)·attn before the output projection. Knows attention modules by their hooks only:
no model class is changed, and an unplugged model gives its own output bit for bit.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import silu
from torch.utils.hooks import RemovableHandle


class HeadShape(NamedTuple):
    """What a memory must fit in one attention layer."""

    num_heads: int
    """H, query heads (also under grouped-query attention)."""
    head_dim: int
    """D, size of one head."""


class MemoryRead(NamedTuple):
    """What a memory says to a layer's queries."""

    value: Tensor
    """m(q), [B, T, H, D]."""
    gate: Tensor
    """g(q), [B, T, H], in [0, 1]."""


class LayerMemory(nn.Module):
    """m and g of one attention layer, one of each per query head.

    m: D → E → D and g: D → ⌊√D⌋ → 1, SiLU between, no bias; the gate is sigmoid(3(x − 1)), so it
    starts near 0.047. E is `width_factor`·D. Weights are kept in float32 and used in the query's
    dtype.
    """

    def __init__(self, shape: HeadShape, width_factor: int) -> None:
        super().__init__()
        heads, dim = shape
        inner, gate_inner = width_factor * dim, math.isqrt(dim)
        self.memory_in = nn.Parameter(torch.zeros(heads, dim, inner))
        self.memory_out = nn.Parameter(torch.zeros(heads, inner, dim))
        self.gate_in = nn.Parameter(torch.zeros(heads, dim, gate_inner))
        self.gate_out = nn.Parameter(torch.zeros(heads, gate_inner, 1))

    @torch.no_grad()
    def initialise(self, generator: torch.Generator, scale: float) -> None:
        """Draw all weights uniformly within ±scale/√(in·out), the authors' effective bound."""
        for weight in self.parameters():
            bound = scale / math.sqrt(weight.shape[1] * weight.shape[2])
            weight.copy_((torch.rand(weight.shape, generator=generator) * 2 - 1) * bound)

    def forward(self, query: Tensor) -> MemoryRead:
        """Read the memory for queries [B, T, H, D]."""
        value = _two_layers(query, self.memory_in, self.memory_out)  # [B, T, H, D]
        score = _two_layers(query, self.gate_in, self.gate_out).squeeze(-1)  # [B, T, H]
        return MemoryRead(value, gate_of(score))


def gate_of(score: Tensor) -> Tensor:
    """Return how far the gate is open where g's last layer gave `score`."""
    return torch.sigmoid(3 * (score - 1))


def _two_layers(query: Tensor, first: Tensor, second: Tensor) -> Tensor:
    inner = silu(torch.einsum("bthd,hde->bthe", query, first.to(query.dtype)))
    return torch.einsum("bthe,hed->bthd", inner, second.to(query.dtype))


class GatedMemory(nn.Module):
    """The memory of one document: a `LayerMemory` for each attention layer of its base model."""

    def __init__(self, shapes: Sequence[HeadShape], width_factor: int = 2) -> None:
        super().__init__()
        self.layers = nn.ModuleList(LayerMemory(shape, width_factor) for shape in shapes)

    @classmethod
    def initialised(
        cls,
        shapes: Sequence[HeadShape],
        width_factor: int,
        generator: torch.Generator,
        scale: float = 1.0,
    ) -> Self:
        """Return an untrained memory; the same generator state gives the same weights."""
        memory = cls(shapes, width_factor)
        for layer in memory.modules():
            if isinstance(layer, LayerMemory):
                layer.initialise(generator, scale)
        return memory

    @torch.no_grad()
    def draw_back(self, share: float) -> None:
        """Keep a share of what was learnt; 1/share takes that back.

        Weights start next to nothing, so all are drawn to zero: m falls silent, g to its start.
        """
        for weight in self.parameters():
            weight.mul_(share)

    def read(self, layer: int, query: Tensor) -> MemoryRead:
        """Read layer number `layer` for queries [B, T, H, D]."""
        result: MemoryRead = self.layers[layer](query)
        return result


class Memory(Protocol):
    """Anything that can be plugged into the socket."""

    def read(self, layer: int, query: Tensor) -> MemoryRead:
        """Read layer number `layer` for queries [B, T, H, D]."""
        ...


@dataclass(frozen=True, slots=True)
class AttentionLayer:
    """Where one attention layer of the base model is tapped."""

    query: nn.Module
    """Gives the query before the rotary step: the query norm where there is one, else the
    projection, which may be one for query, key and value."""
    output: nn.Module
    """The output projection; its input is the heads' attention output."""
    shape: HeadShape
    heads_first: bool
    """The query comes as [B, H, T, D] and not as [B, T, H, D] or [B, T, H·D …]."""

    def heads_of(self, query: Tensor) -> Tensor:
        """Return what the query module gave as [B, T, H, D], a view on it."""
        if self.heads_first:
            return query.transpose(1, 2)  # [B, T, H, D]
        if query.dim() == 4:
            return query
        size = self.shape.num_heads * self.shape.head_dim  # key and value may come behind
        return query[..., :size].view(*query.shape[:2], *self.shape)  # [B, T, H, D]


class GateTrace:
    """The gates of the latest forward pass, per layer."""

    def __init__(self) -> None:
        self.gates: dict[int, Tensor] = {}

    def last_position_share(self) -> Tensor:
        """Return the mean gate over layers and heads at the last position, [B]."""
        return self._shares()[:, -1]

    def share_at(self, places: Tensor) -> Tensor:
        """Return the mean gate over layers and heads at `places` [P] of the only row, [P]."""
        return self._shares()[0, places]

    def _shares(self) -> Tensor:
        means = [gate.float().mean(-1) for gate in self.gates.values()]  # [B, T] each
        return torch.stack(means).mean(0)


class MemorySocket:
    """The attention layers of one base model, ready to take a memory.

    One memory at a time; not safe for use from several threads at once.
    """

    def __init__(self, layers: Sequence[AttentionLayer]) -> None:
        self._layers = tuple(layers)

    @property
    def layers(self) -> tuple[AttentionLayer, ...]:
        """Where each attention layer is tapped, in the order they run."""
        return self._layers

    @property
    def shapes(self) -> tuple[HeadShape, ...]:
        """The shape a memory needs in each layer."""
        return tuple(layer.shape for layer in self._layers)

    @contextmanager
    def plugged(self, memory: Memory) -> Iterator[GateTrace]:
        """Let every forward pass inside the block read `memory`; always unplugs."""
        trace = GateTrace()
        handles: list[RemovableHandle] = []
        try:
            for index, layer in enumerate(self._layers):
                handles += _hook_layer(index, layer, memory, trace)
            yield trace
        finally:
            for handle in handles:
                handle.remove()


def _hook_layer(
    index: int, layer: AttentionLayer, memory: Memory, trace: GateTrace
) -> tuple[RemovableHandle, RemovableHandle]:
    queries: dict[str, Tensor] = {}

    def keep_query(_module: nn.Module, _args: Any, output: Tensor) -> None:
        queries["latest"] = output

    def mix(_module: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        attention = args[0]  # [B, T, H·D]
        read = memory.read(index, layer.heads_of(queries.pop("latest")))
        trace.gates[index] = read.gate
        return (_gated(attention, read), *args[1:])

    return layer.query.register_forward_hook(keep_query), layer.output.register_forward_pre_hook(
        mix
    )


def _gated(attention: Tensor, read: MemoryRead) -> Tensor:
    heads = attention.view(read.value.shape)  # [B, T, H, D]
    return heads.lerp(read.value, read.gate.unsqueeze(-1)).reshape(attention.shape)


def tensor_shapes(shapes: Sequence[HeadShape], width_factor: int) -> Mapping[str, tuple[int, ...]]:
    """Return the names and shapes of all tensors of a memory: the adapter file's exact keys."""
    with torch.device("meta"):
        state = GatedMemory(shapes, width_factor).state_dict()
    return {name: tuple(tensor.shape) for name, tensor in state.items()}
