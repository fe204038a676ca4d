"""`lift doctor`: looks whether every row has its file and every file its row, and mends."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.table import Column, Table

from app.cli.console import err, fail, out
from app.cli.environment import read_settings
from app.cli.opening import opened
from app.cli.server import DataDir

if TYPE_CHECKING:
    from app.db import Database
    from app.doctor.examination import Finding, Report
    from app.storage import Store

_Outcome = tuple["Finding", str | None]
"""What was found, and what was done about it."""


def doctor(
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend what can be mended; nothing is destroyed.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON, not a table.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Compare database and store, and read every file; status 1 if something stays wrong."""
    settings = read_settings(data_dir=data_dir)
    with _clear_endings(), opened(settings) as (database, store):
        report, outcomes = _examine(database, store, repair)
    show = _show_json if as_json else _show_table
    show(report, outcomes)
    if any(done is None for _, done in outcomes):
        raise typer.Exit(1)


def show_health(database: "Database", store: "Store") -> bool:
    """Compare database and store and show what is found; say whether nothing is."""
    report, outcomes = _examine(database, store, is_repairing=False)
    _show_table(report, outcomes)
    return not outcomes


def _examine(
    database: "Database", store: "Store", is_repairing: bool
) -> tuple["Report", list[_Outcome]]:
    from app.clock import utc_now
    from app.doctor.examination import examine
    from app.doctor.repairs import repair, require_own

    with _progress() as read:
        report = examine(database, store, utc_now(), read)
    if not is_repairing:
        return report, [(finding, None) for finding in report.findings]
    require_own(report)
    return report, [
        (finding, repair(database, store, finding, utc_now())) for finding in report.findings
    ]


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    columns = TextColumn("read"), BarColumn(), DownloadColumn()
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task("read", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def _clear_endings() -> Iterator[None]:
    from sqlalchemy.exc import SQLAlchemyError

    from app.doctor.repairs import ForeignStoreError
    from app.storage import UnsupportedStoreError

    try:
        yield
    except (ForeignStoreError, UnsupportedStoreError, OSError) as error:
        raise fail(str(error)) from error
    except SQLAlchemyError as error:
        raise fail(f"the database cannot be used: {str(error).splitlines()[0]}") from error


def _show_table(report: "Report", outcomes: list[_Outcome]) -> None:
    if outcomes:
        table = Table(
            "file", "trouble", Column("key", overflow="fold"), Column("done", no_wrap=True)
        )
        for finding, done in outcomes:
            table.add_row(_role(finding), finding.trouble, escape(finding.key), escape(done or ""))
        out.print(table)
    num_left = sum(done is None for _, done in outcomes)
    out.print(
        f"{report.num_files:,} files with a row, {report.num_bytes:,} bytes read; "
        f"findings: {len(outcomes)}, left as they are: {num_left}",
        highlight=False,
    )
    if report.num_young:
        out.print(
            f"files without a row, less than an hour old: {report.num_young}; they may belong to "
            "what is under way, so look again later",
            highlight=False,
        )


def _show_json(report: "Report", outcomes: list[_Outcome]) -> None:
    findings: list[dict[str, Any]] = [
        {
            "file": _role(finding),
            "trouble": finding.trouble,
            "key": finding.key,
            "document_id": finding.named.document_id if finding.named else None,
            "repair": done,
        }
        for finding, done in outcomes
    ]
    figures = {name: getattr(report, name) for name in ("num_files", "num_bytes", "num_young")}
    typer.echo(json.dumps({"findings": findings} | figures, indent=2))


def _role(finding: "Finding") -> str:
    return finding.named.role if finding.named else "unknown"
