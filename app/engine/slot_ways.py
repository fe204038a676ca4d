"""Which tokens of a pass read which slot, and the fewest products that read them all.

S slots, N tokens, H heads (1 where there are none), I what goes in and O what comes out of a head.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from app.engine.parts import Span

_FEWEST_SLOTS, _FEW_TOKENS = 2, 4
_MOST_IDLE = 2  # slots for each that is read: to read the others costs time, too


class Stacked(NamedTuple):
    """One layer's two matrices for each head, in all slots."""

    first: Tensor
    """[S, H, I, E]."""
    second: Tensor
    """[S, H, E, O]."""


Product = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Multiplies [B, T, I] with first [B, I, E] and second [B, E, O] matrices."""


class Way(Protocol):
    """Some tokens of a pass, and how they read their slots."""

    @property
    def tokens(self) -> slice | Tensor:
        """Which they are, by their numbers."""
        ...

    @property
    def num_tokens(self) -> int:
        """How many they are."""
        ...

    def read(self, given: Tensor, stacked: Stacked, product: Product) -> Tensor:
        """Read for all tokens [N, H, I]; gives [tokens, H, O]."""
        ...


def ways_of(spans: Sequence[Span], device: torch.device) -> list[Way]:
    """Return how the tokens of spans that name a slot read it; the others are in no way."""
    groups = _groups(spans)
    if _is_worthwhile(groups):
        return [_Grid(groups, device)]
    return [_One(slot, tokens, device) for slot, tokens in groups.items()]


def index_of(tokens: Sequence[int], device: torch.device) -> slice | Tensor:
    """Return what picks these tokens, in rising order: a slice, if they lie side by side."""
    is_whole = tokens[-1] - tokens[0] == len(tokens) - 1
    return slice(tokens[0], tokens[-1] + 1) if is_whole else torch.tensor(tokens, device=device)


class _One:
    """The tokens that read one slot, in a product of their own."""

    def __init__(self, slot: int, tokens: Sequence[int], device: torch.device) -> None:
        self._slot, self.num_tokens = slot, len(tokens)
        self.tokens = index_of(tokens, device)

    def read(self, given: Tensor, stacked: Stacked, product: Product) -> Tensor:
        """Read for all tokens [N, H, I]; gives [tokens, H, O]."""
        own = given[self.tokens].transpose(0, 1)  # [H, T, I]
        first, second = (weights[self._slot] for weights in stacked)
        return product(own, first, second).transpose(0, 1)


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

    def read(self, given: Tensor, stacked: Stacked, product: Product) -> Tensor:
        """Read for all tokens [N, H, I]; gives [tokens, H, O]."""
        first, second = (weights[self._reach] for weights in stacked)
        num_slots, heads, size = first.shape[:3]
        grid = given.new_zeros(num_slots, heads, self._most, size)  # [S, H, T, I]
        grid[self._slots, :, self._places] = given[self.tokens]
        read = product(grid.flatten(0, 1), first.flatten(0, 1), second.flatten(0, 1))
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
