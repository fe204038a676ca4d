"""Low-rank memories of several rows, read as one: their matrices side by side, masked between.

N tokens, I and O a layer's input and output sizes, R the ranks of all memories together. Two
products a layer serve all rows, however many memories they read.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from app.lift.low_rank import LowRankMemory, hooked


class _Layer(NamedTuple):
    down: Tensor
    """[R, I]."""
    up: Tensor
    """[O, R]."""
    owners: Tensor
    """Which memory each rank is of, [R]."""


class JoinedMemories:
    """Copies of some memories' matrices, layer by layer."""

    @torch.inference_mode()
    def __init__(self, memories: Sequence[LowRankMemory]) -> None:
        self._numbers = {memory: number for number, memory in enumerate(memories)}
        sound = {memory: _is_finite(memory) for memory in memories}
        names = dict.fromkeys(name for memory in memories for name in memory.pairs)
        self._layers = {
            name: _join([(memory, sound[memory]) for memory in memories], self._numbers, name)
            for name in names
        }

    def holds(self, memories: Sequence[LowRankMemory]) -> bool:
        """Say whether all of these are among the joined ones."""
        return all(memory in self._numbers for memory in memories)

    @contextmanager
    def plugged_into(
        self, decoder: nn.Module, readers: Sequence[LowRankMemory | None]
    ) -> Iterator[None]:
        """Let each of the N tokens of the pass inside the block read its own of `readers`."""
        numbers = [-1 if memory is None else self._numbers[memory] for memory in readers]
        device = next(iter(self._layers.values())).owners.device
        tokens = torch.tensor(numbers, device=device)[:, None]
        hooks = {
            name: _adding(layer, tokens == layer.owners) for name, layer in self._layers.items()
        }
        with hooked(decoder, hooks):
            yield


def _join(
    memories: Sequence[tuple[LowRankMemory, bool]],
    numbers: dict[LowRankMemory, int],
    name: str,
) -> _Layer:
    downs, ups, owners = list[Tensor](), list[Tensor](), list[int]()
    for memory, is_sound in memories:
        if pair := memory.pairs.get(name):
            down, up = pair.factors()
            # 0 · nan is nan: what is no number must reach its own rows only, and by `down`.
            downs.append(down if is_sound else torch.full_like(down, torch.nan))
            ups.append(up if is_sound else torch.zeros_like(up))
            owners += [numbers[memory]] * len(down)
    return _Layer(torch.cat(downs), torch.cat(ups, dim=1), torch.tensor(owners).to(downs[0].device))


def _is_finite(memory: LowRankMemory) -> bool:
    return all(bool(tensor.isfinite().all()) for tensor in memory.state_dict().values())


def _adding(
    layer: _Layer, reads: Tensor
) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
    def add(_module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        inner = linear(args[0], layer.down)  # [1, N, R]
        return output + linear(torch.where(reads, inner, 0), layer.up)

    return add
