"""Cutting a document into segments and truncated contexts."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.lift.segments import cut_segments, segment_starts, shown_spans, truncated_context

GAP = (-1, -2)

lengths = st.integers(0, 400)
segment_settings = st.integers(1, 60).flatmap(
    lambda size: st.tuples(st.just(size), st.integers(1, size))
)


@given(lengths, segment_settings)
def test_segments_cover_every_token_in_order(num_tokens: int, sizes: tuple[int, int]) -> None:
    """Laid over each other at their starts, the segments give the document back."""
    tokens = list(range(num_tokens))
    starts = segment_starts(num_tokens, *sizes)
    covered: dict[int, int] = {}
    for start, segment in zip(starts, cut_segments(tokens, *sizes), strict=True):
        covered |= {start + offset: token for offset, token in enumerate(segment)}

    assert covered == dict(enumerate(tokens))
    assert starts == sorted(set(starts))


@given(lengths, segment_settings)
def test_segments_have_full_length_and_the_last_ends_with_the_text(
    num_tokens: int, sizes: tuple[int, int]
) -> None:
    """There is no run of short tails: only a document below one segment gives a short one."""
    segment_tokens, stride_tokens = sizes
    tokens = list(range(num_tokens))
    segments = cut_segments(tokens, segment_tokens, stride_tokens)

    assert {len(segment) for segment in segments} == {min(segment_tokens, num_tokens)}
    assert segments[-1][-1:] == tokens[-1:]


@given(lengths, segment_settings)
def test_neighbouring_segments_are_a_stride_apart(num_tokens: int, sizes: tuple[int, int]) -> None:
    """All starts but the last follow the stride; the last comes at most a stride later."""
    starts = segment_starts(num_tokens, *sizes)
    gaps = [after - before for before, after in pairwise(starts)]

    assert all(gap == sizes[1] for gap in gaps[:-1])
    assert all(0 < gap <= sizes[1] for gap in gaps[-1:])


def test_paper_numbers_on_a_document_of_6000_tokens() -> None:
    """Worked by hand: starts every 768 tokens, and a last segment that ends at 6,000."""
    assert segment_starts(6000, 2048, 768) == [0, 768, 1536, 2304, 3072, 3840, 3952]


@given(lengths, st.integers(1, 200), st.none() | st.integers(0, 300))
def test_truncated_context_never_exceeds_its_budget(
    num_tokens: int, budget: int, head: int | None
) -> None:
    """Whatever the cut, the context fits, and fills the budget if the document does not fit."""
    context = truncated_context(range(num_tokens), budget, GAP, head)

    assert len(context) == min(num_tokens, budget)


@given(lengths, st.integers(3, 200), st.none() | st.integers(0, 300))
def test_truncated_context_is_a_head_a_gap_and_a_tail(
    num_tokens: int, budget: int, head: int | None
) -> None:
    """What is shown is the document's beginning and its end, in order."""
    tokens = list(range(num_tokens))
    context = truncated_context(tokens, budget, GAP, head)
    if num_tokens <= budget or (head is not None and head >= budget - len(GAP)):
        assert context == tokens[:budget]
        return
    cut = context.index(GAP[0])

    assert context[:cut] == tokens[:cut]
    assert context[cut : cut + 2] == list(GAP)
    assert context[cut + 2 :] == tokens[num_tokens - (budget - cut - 2) :]
    assert head is None or cut == head


@given(lengths, st.integers(1, 200), st.none() | st.integers(0, 300))
def test_shown_spans_are_what_the_context_shows(
    num_tokens: int, budget: int, cut: int | None
) -> None:
    """The spans name exactly the tokens of head and tail."""
    tokens = list(range(num_tokens))
    head, tail = shown_spans(num_tokens, budget, len(GAP), cut)
    shown = [token for token in truncated_context(tokens, budget, GAP, cut) if token >= 0]

    assert shown == [*tokens[:head], *tokens[num_tokens - tail :]]
