"""Attention for packed rows: each sees its own keys and values, behind what it has seen before.

Rows that say one token each and lie in one pool are attended in one product, on CUDA all rows that
lie in it; the others one by one.
N tokens of a pass, H query heads, K key/value heads, G = H/K of them to each, D head size, P places
of the pool that a product reaches, S seen tokens. Knows no model and no memory.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from app.engine import paged
from app.engine.keys_values import Seen, pool_of
from app.engine.parts import Look, Part, Span, spans_of

_FEWEST_TOGETHER = 2
_MOST_WASTE = 2
"""Times as many keys as the rows have that one product may read: gaps, and ends of shorter rows."""


class PackedAttention:
    """The attention of one forward pass."""

    def __init__(self, parts: Sequence[Part], device: torch.device) -> None:
        self._spans = list(zip(parts, spans_of(parts), strict=True))
        self._device = device
        self._ways: dict[bool, list[_Way]] = {}

    def attend(self, layer: int, query: Tensor, new: Seen, look: Look) -> Tensor:
        """Attend for query [N, H, D] with the tokens' own keys and values [K, N, D]: [N, H, D]."""
        is_paged = paged.can_attend(query, look)
        if is_paged not in self._ways:
            self._ways[is_paged] = list(self._paged() if is_paged else self._unpaged())
        attended = query.new_empty(*query.shape[:2], new.values.shape[2])
        for way in self._ways[is_paged]:
            attended[way.tokens] = way.attend(layer, query, new, look)
        return attended

    def _paged(self) -> Iterator["_Way"]:
        """Take all rows with a place at once, however many tokens they read."""
        inside, outside = _parted(self._spans, lambda part: part.cache.place is not None)
        if inside:
            yield paged.Pages.of(inside, self._device)
        yield from (_Alone(part, span, self._device) for part, span in outside)

    def _unpaged(self) -> Iterator["_Way"]:
        """Take the rows with a place at once that say one token each, if that is worthwhile."""
        inside, outside = _parted(
            self._spans, lambda part: len(part.ids) == 1 and part.cache.place is not None
        )
        if _is_worthwhile(inside):
            yield _Together(inside, self._device)
            inside = []
        yield from (_Alone(part, span, self._device) for part, span in [*inside, *outside])


class _Way(Protocol):
    """Attends for some of the tokens."""

    tokens: slice | Tensor

    def attend(self, layer: int, query: Tensor, new: Seen, look: Look) -> Tensor:
        """Attend as `PackedAttention` does, for these tokens."""
        ...


class _Together:
    """Rows of one token each, side by side in a pool."""

    tokens: slice | Tensor

    def __init__(self, rows: Sequence[tuple[Part, Span]], device: torch.device) -> None:
        caches = [part.cache for part, _ in rows]
        self._pool = pool_of(caches[0])
        places = [cache.place or 0 for cache in caches]
        self._reach = slice(min(places), max(places) + 1)
        self._num_seen = max(cache.num_tokens for cache in caches) + 1
        self._device = device
        self.tokens = torch.tensor([span.start for _, span in rows], device=device)
        self._places = torch.tensor(places, device=device)
        self._positions = torch.tensor([cache.num_tokens for cache in caches], device=device)
        self._masks: dict[int | None, Tensor] = {}

    def attend(self, layer: int, query: Tensor, new: Seen, look: Look) -> Tensor:
        room = self._pool.layer(layer, new)
        for places, part in zip(room, new, strict=True):
            places[self._places, :, self._positions] = part[:, self.tokens].transpose(0, 1)
        keys, values = (places[self._reach, :, : self._num_seen] for places in room)
        num_places, num_groups = keys.shape[:2]
        grid = query.new_zeros(num_places, *query.shape[1:])
        rows = self._places - self._reach.start
        grid[rows] = query[self.tokens]
        attended = _attend(
            grid.view(num_places, num_groups, -1, grid.shape[-1]),  # [P, K, G, D]
            Seen(keys, values),
            self._visible(look.window),
            look,
        )
        return attended.flatten(1, 2)[rows]

    def _visible(self, window: int | None) -> Tensor:
        """Return which of the seen tokens each place sees, [P, 1, 1, S]."""
        if window not in self._masks:
            ends = torch.ones(self._reach.stop - self._reach.start, 1, device=self._device)
            ends[self._places - self._reach.start, 0] = self._positions + 1.0
            key = torch.arange(self._num_seen, device=self._device)
            visible = key < ends
            if window:
                visible &= key >= ends - window
            self._masks[window] = visible[:, None, None]
        return self._masks[window]


class _Alone:
    """A row with a product of its own."""

    tokens: slice | Tensor

    def __init__(self, part: Part, span: Span, device: torch.device) -> None:
        self.tokens, self._cache, self._device = slice(span.start, span.end), part.cache, device
        self._num_new = len(part.ids)
        self._masks: dict[int | None, Tensor] = {}

    def attend(self, layer: int, query: Tensor, new: Seen, look: Look) -> Tensor:
        seen = self._cache.extend(layer, Seen(*(part[:, self.tokens] for part in new)))
        if look.window and self._num_new == 1:
            seen = Seen(*(part[:, -look.window :] for part in seen))
        heads, dim = query.shape[1:]
        groups = heads // seen.keys.shape[0]
        own = query[self.tokens].transpose(0, 1).reshape(1, -1, groups * self._num_new, dim)
        mask = None
        if self._num_new > 1:
            mask = self._visible(seen.keys.shape[1], look.window).repeat(groups, 1)  # [G·T, S]
        attended = _attend(own, Seen(*(part[None] for part in seen)), mask, look)  # [1, K, G·T, D]
        return attended.reshape(heads, self._num_new, -1).transpose(0, 1)

    def _visible(self, num_seen: int, window: int | None) -> Tensor:
        """Return which of the seen tokens each of the last ones sees, [T, S]."""
        if window not in self._masks:
            query = torch.arange(num_seen - self._num_new, num_seen, device=self._device)[:, None]
            key = torch.arange(num_seen, device=self._device)
            visible = key <= query
            self._masks[window] = visible & (key > query - window) if window else visible
        return self._masks[window]


def _parted(
    spans: Sequence[tuple[Part, Span]], belongs: Callable[[Part], bool]
) -> tuple[list[tuple[Part, Span]], list[tuple[Part, Span]]]:
    inside = [each for each in spans if belongs(each[0])]
    return inside, [each for each in spans if not belongs(each[0])]


def _is_worthwhile(rows: Sequence[tuple[Part, Span]]) -> bool:
    if len(rows) < _FEWEST_TOGETHER:
        return False
    places = [part.cache.place or 0 for part, _ in rows]
    lengths = [part.cache.num_tokens + 1 for part, _ in rows]
    num_read = (max(places) + 1 - min(places)) * max(lengths)
    return num_read <= _MOST_WASTE * sum(lengths)


def _attend(query: Tensor, seen: Seen, mask: Tensor | None, look: Look) -> Tensor:
    """Attend for query [B, K, R, D] to keys and values [B, K, S, D]."""
    if look.softcap is None:
        return scaled_dot_product_attention(query, *seen, attn_mask=mask, scale=look.scale)
    scores = look.softcap * torch.tanh(query @ seen.keys.mT * look.scale / look.softcap)
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(-1, dtype=torch.float32).to(query.dtype) @ seen.values
