"""`lift backup` and `lift restore`: everything into one file, and back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn

from app.cli.console import err, fail, interrupted, out
from app.cli.doctor import show_health
from app.cli.environment import read_settings
from app.cli.opening import opened
from app.cli.server import DataDir

if TYPE_CHECKING:
    from app.backup.restoring import Restored
    from app.backup.saving import Saved
    from app.settings import Settings

_MIB = 1024**2


def backup(
    target: Annotated[
        Path,
        typer.Argument(metavar="DIR_OR_FILE", show_default=False, help="A new file, or where."),
    ],
    data_dir: DataDir = None,
) -> None:
    """Write documents, memories, jobs and keys' hashes to one file; the server may run."""
    from app.backup.saving import save
    from app.clock import utc_now

    settings, now = read_settings(data_dir=data_dir), utc_now()
    path = target / f"lift-{now:%Y-%m-%dT%H%M%SZ}.tar" if target.is_dir() else target
    if not path.parent.is_dir():
        raise fail(f"there is no folder {path.parent}: make it, or name another")
    with (
        _clear_endings("nothing was kept"),
        opened(settings) as (database, store),
        _progress() as told,
    ):
        saved = save(database, store, path, now, reader=_reader_of(settings), told=told)
    _show_saved(path, saved)
    if saved.missing or saved.damaged:
        raise typer.Exit(1)


def restore(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", show_default=False, help="What `lift backup` wrote.")
    ],
    data_dir: DataDir = None,
) -> None:
    """Put a backup into an empty database and store, and look whether all is there."""
    from app.backup.restoring import restore as put_back
    from app.embedded.data_folder import owned
    from app.storage import open_store

    settings = read_settings(data_dir=data_dir)
    if not file.is_file():
        raise fail(f"there is no file {file}")
    again = "the database is empty as before: restore again"
    with _clear_endings(again, file), owned(settings.data_dir):
        with _progress() as told:
            restored = put_back(
                file,
                settings.resolved_database_url,
                open_store(settings),
                settings.data_dir,
                told,
            )
        _show_restored(restored, settings)
    there = "the backup is restored; `lift doctor` looks whether all is there"
    with _clear_endings(there), opened(settings) as (database, store):
        is_healthy = show_health(database, store)
    if not is_healthy:
        raise typer.Exit(1)


def _reader_of(settings: "Settings") -> Path | None:
    if settings.reader is None or settings.reader.is_file():
        return settings.reader
    raise fail(f"LIFT_READER names {settings.reader}, which is no file; unset it to go without")


def _show_saved(path: Path, saved: "Saved") -> None:
    _print(
        f"{path}: {saved.num_documents:,} documents, {saved.num_files:,} files, "
        f"{saved.num_bytes / _MIB:,.1f} MiB"
    )
    if saved.left_out:
        _print(f"left out, as they were deleted meanwhile: {len(saved.left_out)} documents")
    if saved.missing:
        _say(
            f"{len(saved.missing)} files are missing from the store, such as {saved.missing[0]}: "
            "the backup is without them; see `lift doctor`"
        )
    if saved.damaged:
        _say(
            f"{len(saved.damaged)} files of the store are damaged, such as {saved.damaged[0]}: "
            "the backup has them as they are; see `lift doctor`"
        )


def _show_restored(restored: "Restored", settings: "Settings") -> None:
    _print(
        f"the backup of {restored.created_at}: {restored.num_files:,} files, "
        f"{restored.num_bytes / _MIB:,.1f} MiB"
    )
    if restored.reader:
        _print(f"its reader is {restored.reader}: set LIFT_READER to it")
    others = [name for name in restored.base_models if name != settings.model]
    if others:
        _say(
            f"its memories were trained for {', '.join(others)}, and LIFT_MODEL is "
            f"{settings.model}: they answer only with the very model that they were trained for"
        )


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int | None], None]]:
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[amount]}")
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task("", total=None, amount="")

        def told(what: str, done: int, total: int | None) -> None:
            amount = f"{done:,}" if what == "rows" else f"{done / _MIB:,.0f} MiB"
            progress.update(task, description=what, completed=done, total=total, amount=amount)

        yield told


@contextmanager
def _clear_endings(if_ended: str, file: Path | None = None) -> Iterator[None]:
    from sqlalchemy.exc import SQLAlchemyError

    from app.backup.errors import BackupError
    from app.embedded.errors import ServeError
    from app.storage import UnsupportedStoreError

    try:
        yield
    except BackupError as error:
        raise fail(f"{file}: {error}" if file else str(error)) from error
    except (ServeError, UnsupportedStoreError) as error:
        raise fail(str(error)) from error
    except OSError as error:
        raise fail(f"{error}; {if_ended}") from error
    except SQLAlchemyError as error:
        raise fail(f"the database cannot be used: {str(error).splitlines()[0]}") from error
    except KeyboardInterrupt as error:
        raise interrupted(f"stopped; {if_ended}") from error


def _print(sentence: str) -> None:
    out.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _say(sentence: str) -> None:
    err.print(f"lift: {sentence}", markup=False, highlight=False, soft_wrap=True)
