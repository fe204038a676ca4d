"""What was read before: told apart by memory and tokens, bounded by bytes."""

import pytest
import torch

from app.engine.keys_values import Prefix, RowCache, Seen
from app.engine.prefixes import Prefixes, prefix_key

_CPU = torch.device("cpu")


def prefix(num_tokens: int = 4) -> Prefix:
    seen = Seen(torch.rand(2, num_tokens, 8), torch.rand(2, num_tokens, 8))
    return Prefix(num_tokens, {0: seen})


def test_key_tells_memories_and_tokens_apart() -> None:
    """The same tokens with another memory, or none, are another prefix."""
    keys = {
        prefix_key(memory, tokens)
        for memory in (None, "a", "b")
        for tokens in ([1, 2], [1, 2, 3], [2, 1], [12])
    }

    assert len(keys) == 12


def test_what_was_used_least_lately_leaves() -> None:
    """The bytes stay within their bound."""
    one = prefix().num_bytes
    kept = Prefixes(_CPU, 2 * one, 0)
    kept.put("a", prefix(), "doc")
    kept.put("b", prefix(), "doc")
    kept.get("a")
    kept.put("c", prefix(), "doc")

    assert [kept.get(key) is not None for key in "abc"] == [True, False, True]
    assert kept.num_bytes == 2 * one


def test_prefix_larger_than_all_room_is_not_kept() -> None:
    """It is no error: the next question reads it again."""
    kept = Prefixes(_CPU, 1, 0)
    kept.put("a", prefix(), "doc")

    assert (kept.get("a"), kept.num_bytes) == (None, 0)


def test_forgotten_document_leaves_nothing() -> None:
    """Others stay."""
    kept = Prefixes(_CPU, 10**6, 0)
    kept.put("a", prefix(), "gone")
    kept.put("b", prefix(), "stays")
    kept.forget("gone")

    assert (kept.get("a"), kept.get("b") is not None) == (None, True)


def test_prefix_that_left_the_device_comes_back() -> None:
    """Main memory stands behind an accelerator; both bounds are kept."""
    one = prefix().num_bytes
    kept = Prefixes(_CPU, one, one)
    read = {name: prefix() for name in "abc"}
    for name, each in read.items():
        kept.put(name, each, "doc")

    assert kept.num_bytes == 2 * one
    assert kept.get("a") is None
    for name in "bcb":
        back = kept.get(name)
        assert back is not None
        assert torch.equal(back.layers[0].keys, read[name].layers[0].keys)


def test_row_goes_on_behind_a_prefix() -> None:
    """It has its tokens, and writes into room of its own."""
    shared = prefix(3)
    row = RowCache(5, shared)
    new = Seen(torch.ones(2, 2, 8), torch.ones(2, 2, 8))
    seen = row.extend(0, new)
    row.advance(2)

    assert row.num_tokens == 5
    assert torch.equal(seen.keys[:, :3], shared.layers[0].keys)
    assert torch.equal(seen.keys[:, 3:], new.keys)
    assert torch.equal(row.snapshot(3).layers[0].values, shared.layers[0].values)


def test_snapshot_of_what_was_not_read_is_a_mistake() -> None:
    """Nobody may share keys that are not there."""
    with pytest.raises(AssertionError):
        RowCache(5).snapshot(1)
