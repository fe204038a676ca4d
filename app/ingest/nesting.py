"""How deeply a document's parts lie in one another, counted before a library builds them.

Libraries take time that grows with the square of the depth; counting takes a moment.
"""

import re
from collections.abc import Iterable, Mapping
from itertools import accumulate
from operator import sub

from app.ingest.errors import LimitExceededError

_TAG = re.compile(r"</?[a-z][a-z0-9:-]*", re.IGNORECASE)
_LEFT_OPEN = frozenset(
    "area base body br caption col colgroup dd dt embed head hr html img input li link meta"
    " optgroup option p param rp rt source tbody td tfoot th thead tr track wbr".split()
)
"""Elements that have no end tag, or need none: where they end, nobody can tell without parsing."""
_BRACES = re.compile(rb"\\[\\{}]|{+|}+")
_SLACK = 10


class _Steps(dict[str, int]):
    """1 for a start tag, -1 for an end tag, 0 for those of elements that are left open."""

    def __missing__(self, tag: str) -> int:
        name = tag.lstrip("</").lower()
        step = -1 if tag.startswith("</") else 1
        self[tag] = 0 if name in _LEFT_OPEN else step
        return self[tag]


def refuse_deep_markup(markup: str, most: int) -> None:
    """Refuse HTML whose tags alone say that it is deep; there is slack for forgotten end tags.

    Raises:
        LimitExceededError
    """
    tags = _TAG.findall(markup)
    if _depth(map(_Steps().__getitem__, tags)) > most * _SLACK:
        raise too_deep(most)


def refuse_deep_groups(rtf: bytes, most: int) -> None:
    """Refuse RTF with groups in groups.

    Raises:
        LimitExceededError
    """
    signs: Mapping[bytes, int] = {b"{": 1, b"}": -1}
    if _depth(len(run) * signs.get(run[:1], 0) for run in _BRACES.findall(rtf)) > most:
        raise too_deep(most)


def too_deep(most: int) -> LimitExceededError:
    """Return the refusal."""
    return LimitExceededError(
        f"the document's elements are nested more than {most} deep, which is the limit"
    )


def _depth(steps: Iterable[int]) -> int:
    """Return the greatest rise of the sum; ends without a beginning sink it, and hide nothing."""
    sums = list(accumulate(steps, initial=0))
    deepest: int = max(map(sub, sums, accumulate(sums, min)))
    return deepest
