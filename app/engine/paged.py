"""Attention on CUDA: all rows that lie in one pool at once, each place of the pool a page.

By the kernel for rows of different lengths. It takes half-precision numbers, and knows no soft caps
on scores. With a single split, it adds a row's numbers up in the same order whoever lies beside it.
N tokens of a pass, R rows, H query heads, K key/value heads, D head size, P places of T tokens.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple, Self

import torch
from torch import Tensor
from torch.nn.attention.varlen import varlen_attn

from app.engine.keys_values import Pool, Seen, pool_of
from app.engine.parts import Look, Part, Span

PAGE_TOKENS = 256
"""The kernel takes pages of a multiple of so many tokens."""
_MOST_DIM, _DIM_STEP = 256, 8
_LEAST_CAPABILITY = (8, 0)
_DTYPES = (torch.bfloat16, torch.float16)


def can_attend(query: Tensor, look: Look) -> bool:
    """Say whether the kernel is to be had for such queries [N, H, D]."""
    dim = query.shape[-1]
    if not query.is_cuda or query.dtype not in _DTYPES or look.softcap is not None:
        return False
    return dim <= _MOST_DIM and dim % _DIM_STEP == 0 and _is_new_enough(query.device)


@lru_cache
def _is_new_enough(device: torch.device) -> bool:
    return torch.cuda.get_device_capability(device) >= _LEAST_CAPABILITY


class NewTokens(NamedTuple):
    """Where N tokens of R rows go, and what they see."""

    places: Tensor
    """In the pool, [N]."""
    positions: Tensor
    """In their rows, [N]."""
    ends: Tensor
    """Of the rows among the tokens, from 0 on, [R + 1]."""
    pages: Tensor
    """Each row's only one, [R, 1]."""
    num_seen: Tensor
    """By each row with its new tokens, [R]."""


class Pages:
    """Some rows of one pool, and the tokens that a pass reads of them."""

    def __init__(
        self, pool: Pool, tokens: slice | Tensor, new: "NewTokens", most_new: int, most_seen: int
    ) -> None:
        """Take N of a pass's tokens, at most `most_new` to a row, that see `most_seen` at most."""
        self._pool, self.tokens, self._new = pool, tokens, new
        self._most_new, self._most_seen = most_new, most_seen

    @classmethod
    def of(cls, rows: Sequence[tuple[Part, Span]], device: torch.device) -> Self:
        """Take all tokens of some rows."""
        caches = [part.cache for part, _ in rows]
        lengths = [len(part.ids) for part, _ in rows]
        places = [cache.place or 0 for cache in caches]
        seen = [cache.num_tokens for cache in caches]
        total = [start + num for start, num in zip(seen, lengths, strict=True)]
        new = NewTokens(
            _indices(
                (place for place, num in zip(places, lengths, strict=True) for _ in range(num)),
                device,
            ),
            _indices(
                (start + n for start, num in zip(seen, lengths, strict=True) for n in range(num)),
                device,
            ),
            _indices(accumulate(lengths, initial=0), device).int(),
            _indices(places, device).int()[:, None],
            _indices(total, device).int(),
        )
        tokens = (token for _, span in rows for token in range(span.start, span.end))
        pool = pool_of(caches[0])
        return cls(pool, _indices(tokens, device), new, max(lengths), max(total))

    @classmethod
    def of_speakers(cls, pool: Pool, places: Tensor, positions: Tensor) -> Self:
        """Take rows that say one token each, all tokens of a pass; nothing asks the numbers back.

        Args:
            places: of the rows in the pool, [R].
            positions: of their tokens, [R].
        """
        ends = torch.arange(len(places) + 1, device=places.device, dtype=torch.int32)
        new = NewTokens(places, positions, ends, places.int()[:, None], positions.int() + 1)
        return cls(pool, slice(None), new, 1, pool.place_tokens)

    def attend(self, layer: int, query: Tensor, new: Seen, look: Look) -> Tensor:
        """Write the tokens' keys and values, and attend to all that each token's row has seen."""
        room = self._pool.layer(layer, new)
        for places, part in zip(room, new, strict=True):
            places[self._new.places, :, self._new.positions] = part[:, self.tokens].transpose(0, 1)
        keys, values = (places.transpose(1, 2) for places in room)  # [P, T, K, D]
        attended = varlen_attn(
            query[self.tokens],
            keys,
            values,
            self._new.ends,
            None,
            self._most_new,
            self._most_seen,
            scale=look.scale,
            window_size=(look.window - 1 if look.window else -1, 0),
            enable_gqa=True,
            seqused_k=self._new.num_seen,
            block_table=self._new.pages,
            num_splits=1,
        )
        assert isinstance(attended, Tensor), "nothing was asked for besides"
        return attended


def _indices(numbers: Iterable[int], device: torch.device) -> Tensor:
    return torch.tensor(list(numbers), device=device)
