"""SIGTERM in the trainer's process: it ends at once, or behind the next checkpoint."""

import signal


class Drain:
    """Whether this process was asked to end, and whether it may do so at any moment."""

    def __init__(self) -> None:
        self.is_asked = False
        self._waits = False

    def install(self) -> None:
        """Answer SIGTERM from now on; in the main thread."""
        signal.signal(signal.SIGTERM, lambda *_: self.ask())

    def ask(self) -> None:
        """Note the wish to end, and end now unless the work wants to be saved first."""
        self.is_asked = True
        if not self._waits:
            self.end_if_asked()

    def wait_for_saving(self, *, waits: bool) -> None:
        """Leave it to the work to look at `is_asked`, or end at any moment again."""
        self._waits = waits
        if not waits:
            self.end_if_asked()

    def end_if_asked(self) -> None:
        """End the process if it was asked to."""
        if self.is_asked:
            raise SystemExit("stopped")
