"""Signs of life of a process that is not heard otherwise, since it loads. Imports no torch."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from threading import Event, Thread

from app.engine.apart.messages import Alive

BREATH_SECONDS = 1.0


@contextmanager
def breathing(connection: Connection) -> Iterator[None]:
    """Say now and then, within the block, that this process lives; nobody else may speak."""
    is_over = Event()

    def breathe() -> None:
        with suppress(ConnectionError):  # whoever speaks next finds out
            while not is_over.wait(BREATH_SECONDS):
                connection.send(Alive())

    thread = Thread(target=breathe, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
