"""`python -m tests.faults --seed N --kills K`: strikes a real installation at random, and looks."""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from tests.faults.campaign import campaign
from tests.faults.tally import Tally, by_signal, by_stage
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
    for table in (by_stage(total), by_signal(total)):
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


if __name__ == "__main__":
    main()
