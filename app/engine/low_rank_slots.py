"""The weights of many low-rank memories, stacked: a token reads the one whose slot its row names.

S slots, N tokens, I and O a layer's input and output sizes, R the slots' rank. A pair of a lower
rank, and a layer that a memory does not adapt, are filled up with zeros, which add nothing.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from app.engine.copying import brought, copying
from app.engine.parts import Span
from app.engine.slot_ways import Stacked, Way, ways_of
from app.lift.kinds import DocumentMemory
from app.lift.low_rank import Hook, LoraPair, LowRankMemory, hooked


class LayerSize(NamedTuple):
    """What a pair must fit in one linear layer."""

    num_inputs: int
    num_outputs: int


class LowRankSlots:
    """Room for some folded memories (`LowRankMemory.folded`), taken when the first one comes."""

    def __init__(
        self,
        sizes: Mapping[str, LayerSize],
        num_slots: int,
        rank: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        """Know of room for `num_slots` memories of that rank at most.

        `sizes` are those of the base model's linear layers, by their names in the decoder.
        """
        self.num_slots, self.rank = num_slots, rank
        self._sizes, self._device, self._dtype = dict(sizes), device, dtype
        self._layers: dict[str, Stacked] = {}
        self._adapted = [frozenset[str]()] * num_slots
        """Layers that the memory in each slot adapts: no other runs a hook."""

    @property
    def slot_bytes(self) -> int:
        """What one slot takes."""
        numbers = sum(size.num_inputs + size.num_outputs for size in self._sizes.values())
        return numbers * self.rank * self._dtype.itemsize

    def fitting(self, memory: DocumentMemory) -> range:
        """Return the slots that can hold a memory: all, or none if it is of another form."""
        can_hold = isinstance(memory, LowRankMemory) and all(
            isinstance(pair, LoraPair) and self._has_room_for(name, pair)
            for name, pair in memory.pairs.items()
        )
        return range(self.num_slots if can_hold else 0)

    @torch.no_grad()
    def write(self, slot: int, memory: DocumentMemory) -> None:
        """Put a memory that fits into a slot that nobody reads."""
        assert isinstance(memory, LowRankMemory)
        with copying(self._device):
            self._layers = self._layers or self._room()
            self._adapted[slot] = frozenset(memory.pairs)
            for name, stacked in self._layers.items():
                first, second = (part[slot, 0] for part in stacked)
                first.zero_()
                second.zero_()
                if isinstance(pair := memory.pairs.get(name), LoraPair):
                    first[:, : len(pair.down)] = brought(pair.down.T, first)
                    second[: len(pair.down)] = brought(pair.scale * pair.up.T, second)

    def plugged_into(
        self, decoder: nn.Module, spans: Sequence[Span]
    ) -> AbstractContextManager[None]:
        """Let the tokens of one pass add what their slots give, those without a slot nothing."""
        ways = ways_of(spans, self._device)
        read = {span.slot for span in spans if span.slot is not None}
        adapted = {name for slot in read for name in self._adapted[slot]}
        return hooked(decoder, {name: _adding(self._layers[name], ways) for name in adapted})

    def _room(self) -> dict[str, Stacked]:
        def zeros(*size: int) -> Tensor:
            return torch.zeros(self.num_slots, 1, *size, device=self._device, dtype=self._dtype)

        return {
            name: Stacked(zeros(size.num_inputs, self.rank), zeros(self.rank, size.num_outputs))
            for name, size in self._sizes.items()
        }

    def _has_room_for(self, name: str, pair: LoraPair) -> bool:
        size = LayerSize(pair.down.shape[1], len(pair.up))
        return self._sizes.get(name) == size and len(pair.down) <= self.rank


def _adding(stacked: Stacked, ways: Sequence[Way]) -> Hook:
    def add(_module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        given = args[0].flatten(0, -2)[:, None]  # [N, 1, I], also of layers that get [N, I]
        added = output.view(-1, output.shape[-1])  # [N, O]
        for way in ways:
            added[way.tokens] += way.read(given, stacked, _both)[:, 0]
        return output

    return add


def _both(given: Tensor, first: Tensor, second: Tensor) -> Tensor:
    return torch.bmm(torch.bmm(given, first), second)
