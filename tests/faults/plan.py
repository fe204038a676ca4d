"""What is done to whom, and when: drawn from a seed before anything happens."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from random import Random

TARGETS = ("api", "worker", "pool", "trainer", "valkey", "postgres")
STAGES = ("queued", "parse", "segment", "synthesise", "train", "measure", "publish")
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP)
_LONGEST_DELAY_SECONDS = {"parse": 4.0, "synthesise": 2.0, "train": 4.0, "measure": 0.1}
_HOLD_SECONDS = (5.0, 7.0)


@dataclass(frozen=True)
class Fault:
    """One blow."""

    target: str
    """`api`, `worker`, `pool` (the worker's process that supervises a job), `trainer`, `valkey` or
    `postgres`. What holds the job of the moment is hit."""
    signal: signal.Signals
    """SIGSTOP is followed by SIGCONT; a frozen worker's trainer is frozen with it, as in a frozen
    machine. PostgreSQL is told to stop by SIGINT, as its image says, in place of SIGTERM."""
    stage: str
    """It happens when a job is there."""
    delay_seconds: float
    """After the job was seen there."""
    hold_seconds: float
    """How long SIGSTOP lasts: longer than a lease."""

    @property
    def sent(self) -> signal.Signals:
        """What is really sent."""
        is_image = self.target == "postgres" and self.signal == signal.SIGTERM
        return signal.SIGINT if is_image else self.signal

    def __str__(self) -> str:
        return f"{self.signal.name} {self.target} in {self.stage} +{self.delay_seconds:.3f}s"


def draw(seed: int, num_faults: int, targets: tuple[str, ...]) -> Iterator[Fault]:
    """Draw faults: targets in turn, and for each target every signal in every stage, shuffled."""
    random = Random(seed)
    decks: dict[str, list[tuple[signal.Signals, str]]] = {target: [] for target in targets}
    for turn in range(num_faults):
        target = targets[turn % len(targets)]
        if not decks[target]:
            decks[target] = list(product(SIGNALS, STAGES))
            random.shuffle(decks[target])
        number, stage = decks[target].pop()
        delay = random.random() ** 2 * _LONGEST_DELAY_SECONDS.get(stage, 0.02)
        yield Fault(target, number, stage, delay, random.uniform(*_HOLD_SECONDS))
