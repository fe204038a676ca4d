"""A document's tokens cut into segments, and the head-and-tail context that a window can show.

Works on token ids alone. Training and answering use the same `truncated_context`: the paper's
gain comes from that sameness (sections 3.1 and 3.2).
"""

from collections.abc import Sequence

TokenIds = Sequence[int]


def segment_starts(num_tokens: int, segment_tokens: int, stride_tokens: int) -> list[int]:
    """Return where the segments start, in order.

    ℓ = `segment_tokens`, s = `stride_tokens`. Every token lies in a segment, and the last segment
    ends where the text ends, so there is no run of short tails.
    """
    last = num_tokens - segment_tokens
    if last <= 0:
        return [0]
    return [*range(0, last, stride_tokens), last]


def cut_segments(tokens: TokenIds, segment_tokens: int, stride_tokens: int) -> list[list[int]]:
    """Return the overlapping segments of a document, each at most `segment_tokens` long."""
    starts = segment_starts(len(tokens), segment_tokens, stride_tokens)
    return [list(tokens[start : start + segment_tokens]) for start in starts]


def truncated_context(
    tokens: TokenIds, budget_tokens: int, gap: TokenIds, head_tokens: int | None = None
) -> list[int]:
    """Return the head and the tail of a document, joined by `gap`, within a budget.

    A document that fits comes back whole. `head_tokens` (the paper's r) is how much of the budget
    the head takes; unset, head and tail share it evenly, as they do in answering.
    """
    head, tail = shown_spans(len(tokens), budget_tokens, len(gap), head_tokens)
    if not tail:
        return list(tokens[:head])
    return [*tokens[:head], *gap, *tokens[len(tokens) - tail :]]


def shown_spans(
    num_tokens: int, budget_tokens: int, gap_tokens: int, head_tokens: int | None = None
) -> tuple[int, int]:
    """Return how many tokens `truncated_context` shows of the head and of the tail.

    A document that fits is all head, and so is a context without room for a gap and a tail.
    """
    room = budget_tokens - gap_tokens
    head = room // 2 if head_tokens is None else head_tokens
    if num_tokens <= budget_tokens or room <= head or room <= 0:
        return min(num_tokens, budget_tokens), 0
    return head, room - head
