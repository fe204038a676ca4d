"""The threads that work for a bank; no copy into a slot waits for a file."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from app.engine.errors import EngineFailedError

_LOADS_AT_ONCE = 4

Work = Callable[[], None]
"""What a thread does. It tells whoever waits what goes wrong: nobody else would."""


class BankThreads:
    """Some threads that read files, and one that copies."""

    def __init__(self) -> None:
        self._loading = ThreadPoolExecutor(_LOADS_AT_ONCE, thread_name_prefix="bank-load")
        self._copying = ThreadPoolExecutor(1, thread_name_prefix="bank-copy")

    def load(self, work: Work) -> None:
        """Have a file read.

        Raises:
            EngineFailedError: the threads were ended.
        """
        _submit(self._loading, work)

    def copy(self, work: Work) -> None:
        """Have a memory copied.

        Raises:
            EngineFailedError: the threads were ended.
        """
        _submit(self._copying, work)

    def close(self) -> None:
        """End them, each after what it is at; what has not begun is dropped."""
        for threads in (self._loading, self._copying):
            threads.shutdown(wait=False, cancel_futures=True)


def _submit(threads: ThreadPoolExecutor, work: Work) -> None:
    try:
        threads.submit(work)
    except RuntimeError as error:
        raise EngineFailedError("the server is stopping; ask again when it is back") from error
