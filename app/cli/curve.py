"""Draws a loss curve with block characters. Knows numbers only."""

import itertools
from collections.abc import Sequence
from statistics import fmean

_EIGHTHS = " ▁▂▃▄▅▆▇█"


def loss_curve(losses: Sequence[float], width: int = 60, height: int = 6) -> str:
    """Draw losses from old to new, `height` lines high; a column is the mean of its share.

    The top and the bottom line carry the highest and the lowest column's value. One loss is no
    curve: then there is nothing to draw.
    """
    if len(losses) < 2:
        return ""
    columns = _columns(losses, width)
    low, high = min(columns), max(columns)
    span = (high - low) or 1.0
    levels = [1 + round((value - low) / span * (8 * height - 1)) for value in columns]
    rows = ["".join(_block(level - 8 * row) for level in levels) for row in range(height)]
    labels = [f"{low:7.3f} ", *[" " * 8] * (height - 2), f"{high:7.3f} "]
    lines = [label + row for label, row in zip(labels, rows, strict=True)]
    return "\n".join(reversed(lines))


def _columns(losses: Sequence[float], width: int) -> list[float]:
    num_columns = min(width, len(losses))
    edges = [len(losses) * column // num_columns for column in range(num_columns + 1)]
    return [fmean(losses[start:end]) for start, end in itertools.pairwise(edges)]


def _block(level: int) -> str:
    return _EIGHTHS[max(0, min(8, level))]
