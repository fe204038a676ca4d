"""Packed attention: every row sees its own keys and values, whoever lies beside it."""

import math
from collections.abc import Sequence
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from app.engine.attention import PackedAttention
from app.engine.keys_values import Pool, Prefix, RowCache, Seen
from app.engine.parts import Look, Part

_KEY_HEADS, _HEADS, _DIM = 2, 6, 4
_PLACE_TOKENS = 40
Row = tuple[int, int, bool]
"""Tokens that it has seen, new ones, whether it may have a place in the pool."""

rows = st.tuples(st.integers(0, 30), st.integers(1, 4), st.booleans())
speakers = st.tuples(st.integers(0, 30), st.just(1), st.just(True))
looks = st.builds(
    Look, st.sampled_from([0.5, 0.3]), st.sampled_from([None, 1, 7]), st.sampled_from([None, 5.0])
)


def randn(*size: int, seed: int) -> Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed))


def seen_of(row: int, num_tokens: int) -> Seen:
    """Return what a row sees, [K, T, D]; a shorter one is the beginning of a longer one."""
    keys = randn(64, _KEY_HEADS, _DIM, seed=row)[:num_tokens].transpose(0, 1)
    return Seen(keys, keys.flip(-1) + 1)


def attend_plainly(query: Tensor, seen: Seen, look: Look) -> Tensor:
    """Attend with one query [H, D] behind the seen tokens, as the textbook says."""
    keys, values = (part.repeat_interleave(_HEADS // _KEY_HEADS, dim=0) for part in seen)
    scores = (keys @ query[..., None])[..., 0] * look.scale  # [H, T]
    if look.softcap:
        scores = look.softcap * torch.tanh(scores / look.softcap)
    if look.window:
        scores[:, : -look.window] = -math.inf
    return (scores.softmax(-1)[:, None] @ values)[:, 0]


def packed(pool: Pool, cut: Sequence[Row], look: Look) -> tuple[Tensor, Tensor]:
    """Return what a pass attends to, and what it should, both [N, H, D]."""
    parts, news, expected = list[Part](), list[Seen](), list[Tensor]()
    query = randn(sum(new for _, new, _ in cut), _HEADS, _DIM, seed=99)
    for number, (num_seen, num_new, is_pooled) in enumerate(cut):
        cache = RowCache(_PLACE_TOKENS, pool=pool if is_pooled else None)
        if num_seen:
            cache.extend(0, seen_of(number, num_seen))
            cache.advance(num_seen)
        parts.append(Part(range(num_new), cache))
        whole = seen_of(number, num_seen + num_new)
        news.append(Seen(*(part[:, num_seen:] for part in whole)))
        for place in range(num_new):
            until = Seen(*(part[:, : num_seen + place + 1] for part in whole))
            expected.append(attend_plainly(query[len(expected)], until, look))
    new = Seen(*(torch.cat(halves, 1) for halves in zip(*news, strict=True)))
    attended = PackedAttention(parts, query.device).attend(0, query, new, look)
    for part in parts:
        part.cache.let_go()
    return attended, torch.stack(expected)


@given(cut=st.lists(rows, min_size=1, max_size=6), look=looks)
def test_each_row_attends_to_its_own(cut: list[Row], look: Look) -> None:
    """Together, by itself, beside longer and shorter rows: what the textbook's formula gives."""
    attended, expected = packed(Pool(6, _PLACE_TOKENS), cut, look)

    torch.testing.assert_close(attended, expected, atol=1e-4, rtol=1e-4)


def varlen_in_words(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    ends: Tensor,
    _key_ends: None,
    most_new: int,
    most_seen: int,
    *,
    scale: float,
    window_size: tuple[int, int],
    enable_gqa: bool,
    seqused_k: Tensor,
    block_table: Tensor,
    num_splits: int,
) -> Tensor:
    """Do what CUDA's kernel is documented to do, page by page and token by token."""
    assert (enable_gqa, num_splits, window_size[1]) == (True, 1, 0)
    assert {ends.dtype, seqused_k.dtype, block_table.dtype} == {torch.int32}
    assert most_new == ends.diff().max()
    assert most_seen == seqused_k.max() <= key.shape[1]
    window, attended = window_size[0] + 1 or None, list[Tensor]()
    for row, (start, end) in enumerate(pairwise(ends.tolist())):
        page, num_seen = block_table[row, 0], int(seqused_k[row])
        for token in range(start, end):
            until = num_seen - end + token + 1
            seen = Seen(*(part[page, :until].transpose(0, 1) for part in (key, value)))
            attended.append(attend_plainly(query[token], seen, Look(scale, window, None)))
    return torch.stack(attended)


@given(cut=st.lists(rows, min_size=1, max_size=6), look=looks)
def test_pages_hold_what_the_kernel_has_to_see(cut: list[Row], look: Look) -> None:
    """Rows with places go through the kernel whatever they read; what it is told is right."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.engine.paged.can_attend", lambda _, look: look.softcap is None)
        patch.setattr("app.engine.paged.varlen_attn", varlen_in_words)
        attended, expected = packed(Pool(6, _PLACE_TOKENS), cut, look)

    torch.testing.assert_close(attended, expected, atol=1e-4, rtol=1e-4)


@given(
    cut=st.lists(st.tuples(st.integers(0, 30), st.just(1), st.just(True)), min_size=2), look=looks
)
def test_places_are_clean_for_the_next_rows(cut: list[Row], look: Look) -> None:
    """What a row without numbers left behind touches nobody who comes after it."""
    pool = Pool(len(cut), _PLACE_TOKENS)
    broken = [RowCache(_PLACE_TOKENS, pool=pool) for _ in cut]
    for cache in broken:
        nothing = torch.full((_KEY_HEADS, 33, _DIM), math.nan)
        cache.extend(0, Seen(nothing, nothing))
        cache.let_go(is_sound=False)
    attended, expected = packed(pool, cut, look)

    torch.testing.assert_close(attended, expected, atol=1e-4, rtol=1e-4)


def test_rows_side_by_side_share_one_product(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen rows that say a token each take one product, not sixteen."""
    counted = []
    real = torch.nn.functional.scaled_dot_product_attention

    def count(*args: Tensor, **options: object) -> Tensor:
        counted.append(args[0].shape)
        return real(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("app.engine.attention.scaled_dot_product_attention", count)
    packed(
        Pool(16, _PLACE_TOKENS), [(20 + row % 3, 1, True) for row in range(16)], Look(1, None, None)
    )

    assert len(counted) == 1


def test_row_that_cannot_begin_gives_its_place_back() -> None:
    """Its prefix may not fit into memory, or be of another model."""
    pool = Pool(1, 10)
    too_long = Prefix(11, {0: Seen(*(torch.zeros(_KEY_HEADS, 11, _DIM) for _ in range(2)))})
    with pytest.raises(RuntimeError):
        RowCache(10, too_long, pool)

    assert pool.num_free == 1


def test_a_row_takes_the_first_free_place_that_is_large_enough() -> None:
    """Rows lie close together; one that is too long for a place has room of its own."""
    pool = Pool(3, 10)
    first, second, long = RowCache(10, pool=pool), RowCache(4, pool=pool), RowCache(11, pool=pool)
    first.let_go()
    third = RowCache(1, pool=pool)

    assert [second.place, third.place, long.place] == [1, 0, None]
    assert pool.num_free == 1
