"""What several documents say and have answered, as much of it as a window holds.

Answers come first: they are cut only where they alone are too long together. Passages fill what is
left, each document's as much as any other's.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import NamedTuple

from app.engine.sources import Composed, Source
from app.lift.prompts import ANSWER_FROM, ANSWERS_BEGIN, GAP, PASSAGES_FROM
from app.lift.retrieval import fit_passages, join_passages

_MOST_TITLE_CHARACTERS = 80
_BREAK = "\n\n"
"""Stands between the texts of two documents."""

Read = Callable[[str], Sequence[int]]
"""Returns a text's tokens."""


class SourcesShown(NamedTuple):
    """What stands before the question."""

    tokens: list[int]
    composed: Composed


def show_sources(
    read: Read, sources: Sequence[Source], room_tokens: int, most_passage_tokens: int
) -> SourcesShown:
    """Return the documents' passages, then their answers, in no more than `room_tokens`."""
    answers = [read(ANSWER_FROM.format(title=_title(each), answer=each.answer)) for each in sources]
    start = read(ANSWERS_BEGIN)[:room_tokens]
    shares = fair_shares([len(answer) for answer in answers], room_tokens - len(start))
    said = [*start, *chain.from_iterable(map(_beginning, answers, shares))]
    budget_tokens = min(most_passage_tokens, room_tokens - len(said))
    passages, num_passages = _show_passages(read, sources, budget_tokens)
    num_cut = sum(len(answer) > share for answer, share in zip(answers, shares, strict=True))
    return SourcesShown([*passages, *said], Composed(num_passages, num_cut))


def fair_shares(needs: Sequence[int], room: int) -> list[int]:
    """Return what each gets of a room: what it needs, or else no less than any other gets."""
    shares = [0] * len(needs)
    for num_served, place in enumerate(sorted(range(len(needs)), key=needs.__getitem__)):
        shares[place] = min(needs[place], room // (len(needs) - num_served))
        room -= shares[place]
    return shares


def _show_passages(
    read: Read, sources: Sequence[Source], budget_tokens: int
) -> tuple[list[int], tuple[int, ...]]:
    """Return the documents' passages as tokens, and how many of each are among them.

    Whose passages are shorter than its share leaves the rest to those behind it.
    """
    shown: dict[int, list[int]] = {}
    nums = [0] * len(sources)
    left = [place for place, source in enumerate(sources) if source.passages]
    for place in sorted(left, key=lambda place: _num_characters(sources[place])):
        share_tokens = budget_tokens // (len(left) - len(shown))
        shown[place], nums[place] = _show_one(read, sources[place], share_tokens)
        budget_tokens -= len(shown[place])
    return [*chain.from_iterable(shown[place] for place in left)], tuple(nums)


def _show_one(read: Read, source: Source, share_tokens: int) -> tuple[list[int], int]:
    heading, end, gap = read(PASSAGES_FROM.format(title=_title(source))), read(_BREAK), read(GAP)
    room_tokens = share_tokens - len(heading) - len(end)
    if not (fitting := fit_passages(source.passages, read, room_tokens, gap)):
        return [], 0
    return [*heading, *join_passages(fitting, gap), *end], len(fitting)


def _beginning(tokens: Sequence[int], num_tokens: int) -> Sequence[int]:
    return tokens[:num_tokens]


def _num_characters(source: Source) -> int:
    return sum(len(passage.text) for passage in source.passages)


def _title(source: Source) -> str:
    return source.title[:_MOST_TITLE_CHARACTERS]
