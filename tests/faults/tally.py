"""What campaigns did and found, counted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.table import Table

from tests.faults.plan import SIGNALS, STAGES, TARGETS


@dataclass
class Tally:
    """What was done and found."""

    hits: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """By target, signal and the stage in which a job then was."""
    strays: Counter[str] = field(default_factory=Counter)
    num_documents: int = 0
    num_attempts: int = 0
    num_untold: int = 0
    """Documents that were taken, whose uploader did not hear of it."""

    def add(self, other: "Tally") -> None:
        self.hits += other.hits
        self.strays += other.strays
        self.num_documents += other.num_documents
        self.num_attempts += other.num_attempts
        self.num_untold += other.num_untold


def by_stage(tally: Tally) -> Table:
    """Count the faults by process and stage."""
    counts: Counter[tuple[str, str]] = Counter()
    for (target, _, stage), count in tally.hits.items():
        counts[target, stage] += count
    others = sorted({stage for _, stage in counts} - set(STAGES))
    return _table("faults by process and stage", counts, [*STAGES, *others])


def by_signal(tally: Tally) -> Table:
    """Count the faults by process and signal."""
    counts: Counter[tuple[str, str]] = Counter()
    for (target, name, _), count in tally.hits.items():
        counts[target, name] += count
    return _table("faults by process and signal", counts, [each.name for each in SIGNALS])


def _table(title: str, counts: Counter[tuple[str, str]], columns: Sequence[str]) -> Table:
    table = Table("process", *columns, "all", title=title)
    for target in TARGETS:
        row = [counts[target, column] for column in columns]
        table.add_row(target, *map(str, row), str(sum(row)))
    sums = [sum(counts[target, column] for target in TARGETS) for column in columns]
    table.add_row("all", *map(str, sums), str(sum(sums)))
    return table
