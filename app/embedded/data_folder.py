"""The data folder: made for its owner only, and used by one `lift serve` at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from app.embedded.errors import ServeError


@contextmanager
def owned(data_dir: Path) -> Iterator[None]:
    """Make the folder where it is missing, and keep other servers off it meanwhile.

    Raises:
        ServeError: another server holds the folder, or it cannot be written.
    """
    make(data_dir)
    try:
        lock = FileLock(data_dir / "serve.lock", timeout=0)
        lock.acquire()
    except Timeout as error:
        raise ServeError(
            f"another lift serve is using {data_dir}; stop it, or name another folder "
            "with --data-dir"
        ) from error
    except OSError as error:
        raise _unwritable(data_dir, error) from error
    try:
        yield
    finally:
        lock.release()


def make(data_dir: Path) -> None:
    """Make the folder, readable for its owner only, unless it is there.

    Raises:
        ServeError: it cannot be made.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(data_dir, error) from error


def _unwritable(data_dir: Path, error: OSError) -> ServeError:
    return ServeError(f"cannot write to the data folder {data_dir}: {error.strerror}")
