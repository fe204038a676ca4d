"""Reads slots that numbers on the device name: nothing else changes from step to step.

U slots in use, N tokens, H heads, D head size, E inner size of m, G of g.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import silu

from app.engine.slot_ways import Stacked
from app.engine.slots import opened
from app.lift.memory import MemoryRead


class PickedReading:
    """A `Memory` in which each token reads one of the used slots, or none."""

    def __init__(
        self, layers: Sequence[Stacked], used: Tensor | None, readers: Tensor, reads: Tensor
    ) -> None:
        """Let tokens read.

        Args:
            layers: the weights of all slots.
            used: the slots that are read, [U], whose weights are copied for that; None are all.
            readers: for each token which of the used ones it reads, [N].
            reads: whether it reads at all, [N].
        """
        self._layers, self._used = layers, used
        self._readers, self._reads = readers, reads

    def read(self, layer: int, query: Tensor) -> MemoryRead:
        """Read layer number `layer` for packed queries [1, N, H, D]."""
        stacked, used = self._layers[layer], self._used
        first, second = (
            stacked if used is None else (weights.index_select(0, used) for weights in stacked)
        )
        said = silu(query[0].transpose(0, 1) @ first) @ second  # [U, H, N, D + 1]
        tokens = torch.arange(query.shape[1], device=query.device)
        own = said[self._readers, :, tokens]  # [N, H, D + 1]
        silence = torch.zeros_like(own)
        silence[..., -1] = -torch.inf
        return opened(torch.where(self._reads[:, None, None], own, silence)[None])
