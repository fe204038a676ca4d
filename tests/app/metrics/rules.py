"""What a metric has to look like: the rules of `promtool check metrics`, and our own."""

import re
from collections.abc import Iterator

from prometheus_client import Metric

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_OTHER_UNITS = re.compile(
    r"_(milliseconds|microseconds|minutes|hours|ms|us|kb|mb|kib|mib|bits|percent|percentage)(_|$)"
)
_KINDS = re.compile(r"_(counter|gauge|histogram|summary)(_|$)")
_SUFFIXES = ("_count", "_sum", "_bucket")


def complaints(text: str, families: list[Metric]) -> list[str]:
    """Return what is wrong with an answer of `/metrics`."""
    described = set(re.findall(r"^# HELP (\S+) \S", text, re.MULTILINE))
    typed = set(re.findall(r"^# TYPE (\S+) \S", text, re.MULTILINE))
    return [
        f"{family.name}: {complaint}"
        for family in families
        for complaint in _of(family, described & typed)
    ]


def _of(family: Metric, explained: set[str]) -> Iterator[str]:
    written = f"{family.name}_total" if family.type == "counter" else family.name
    if written not in explained:
        yield "no HELP or no TYPE"
    if not _NAME.fullmatch(family.name):
        yield "not a plain name"
    if not family.name.startswith(("lift_", "process_")):
        yield "not ours"
    if _OTHER_UNITS.search(family.name):
        yield "not in seconds, bytes or a ratio"
    if _KINDS.search(family.name):
        yield "says what kind of metric it is"
    if family.type != "counter" and family.name.endswith("_total"):
        yield "_total, and no counter"
    if family.type in ("counter", "gauge") and family.name.endswith(_SUFFIXES):
        yield "ends like a part of a histogram"
    for sample in family.samples:
        if any(not value for value in sample.labels.values()):
            yield f"an empty label: {sample.labels}"
