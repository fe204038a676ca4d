"""`lift upload`: a document goes in."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import open as open_with_progress

from app.cli.connecting import Url, connected
from app.cli.console import out
from app.cli.options import Options, Preset, Priority, Wait, read_options
from app.cli.showing import watch


def upload(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
    title: Annotated[str | None, typer.Option(help="The file's name by default.")] = None,
    preset: Preset = None,
    option: Options = None,
    priority: Priority = 0,
    duplicate: Annotated[
        bool, typer.Option("--duplicate", help="One more, though the same was sent before.")
    ] = False,
    starts_from: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Document that this is a changed text of."),
    ] = None,
    wait: Wait = True,
    url: Url = None,
) -> None:
    """Send a document and watch it being memorised; the same file again is the same document."""
    options = read_options(option)
    with connected(url) as client:
        with open_with_progress(
            file, "rb", description="upload", console=out, disable=not out.is_terminal
        ) as content:
            document_id = client.upload(
                content,
                file.name,
                title=title,
                preset=preset,
                options=options,
                priority=priority,
                duplicate=duplicate,
                starts_from=starts_from,
            )
        out.print(f"document {document_id}", highlight=False)
        if wait:
            watch(client, document_id)
