"""`python -m tests.faults --seed N --kills K`: strikes a real installation at random, and looks."""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.faults.campaign import TARGETS, Tally, campaign
from tests.faults.plan import SIGNALS, STAGES
from tests.tiny import save_tiny_model

console = Console(width=140)


def main() -> None:
    """Run the campaigns of some seeds and print what was done."""
    parser = argparse.ArgumentParser(prog="tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, default=8, help="how many seeds")
    parser.add_argument("--kills", type=int, default=200, help="faults over all seeds")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    total, started = Tally(), time.monotonic()
    seeds = range(given.seed, given.seed + given.seeds)
    with tempfile.TemporaryDirectory(prefix="lift-f-", dir="/tmp") as name:
        save_tiny_model(Path(name) / "model")
        for place, seed in enumerate(seeds):
            num_faults = given.kills // given.seeds + (place < given.kills % given.seeds)
            total.add(_run(seed, num_faults, Path(name) / "model"))
    for table in (_by_stage(total), _by_signal(total)):
        console.print(table)
    console.print(
        f"seeds {seeds[0]} to {seeds[-1]}: {total.hits.total()} faults, "
        f"{total.num_documents} documents ready in {total.num_attempts} attempts "
        f"({total.num_untold} whose uploader heard nothing), none lost, doubled or stuck; "
        f"files that kills left: {dict(total.strays) or 'none'}; "
        f"{(time.monotonic() - started) / 60:.0f} minutes"
    )


def _run(seed: int, num_faults: int, model: Path) -> Tally:
    folder = Path(tempfile.mkdtemp(prefix="lift-f-", dir="/tmp"))  # kept if it fails
    folder.chmod(0o755)  # PostgreSQL runs as somebody else
    tally = campaign(
        seed,
        num_faults,
        folder,
        model,
        lambda what: console.print(what, highlight=False, soft_wrap=True),
    )
    shutil.rmtree(folder)
    return tally


def _by_stage(tally: Tally) -> Table:
    counts: Counter[tuple[str, str]] = Counter()
    for (target, _, stage), count in tally.hits.items():
        counts[target, stage] += count
    others = sorted({stage for _, stage in counts} - set(STAGES))
    return _table("faults by process and stage", counts, [*STAGES, *others])


def _by_signal(tally: Tally) -> Table:
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


if __name__ == "__main__":
    main()
