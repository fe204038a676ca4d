"""The trainer that a worker keeps between jobs, so that the base model is loaded once."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from workers.process import TrainerProcess


class WarmTrainer:
    """Lends a trainer process: the last one if it can take another job, or a new one."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command, self._environment = command, environment
        self._kept: TrainerProcess | None = None

    @contextmanager
    def lent(self, grace_seconds: float) -> Iterator[TrainerProcess]:
        """Lend a trainer; one that is still busy at the end has so long to save its work."""
        trainer, self._kept = self._kept, None
        if trainer is None or not trainer.is_running:
            if trainer is not None:
                trainer.stop(0.0)
            trainer = TrainerProcess(self._command, self._environment)
        try:
            yield trainer
        finally:
            if trainer.is_free and trainer.is_running:
                self._kept = trainer
            else:
                trainer.stop(grace_seconds)

    def stop(self) -> None:
        """End the trainer that is kept."""
        if self._kept is not None:
            self._kept.stop(0.0)
            self._kept = None
