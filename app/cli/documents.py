"""`lift upload` and `lift ask`: a document goes in, answers come out."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import open as open_with_progress

from app.cli.connecting import Url, connected
from app.cli.console import out
from app.cli.options import DocumentId, Options, Preset, Priority, Wait, read_options
from app.cli.showing import watch
from app.client_views import Answer

_SHARE_WIDTH = 20


def upload(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
    title: Annotated[str | None, typer.Option(help="The file's name by default.")] = None,
    preset: Preset = None,
    option: Options = None,
    priority: Priority = 0,
    wait: Wait = True,
    url: Url = None,
) -> None:
    """Send a document and watch it being memorised."""
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
            )
        out.print(f"document {document_id}", highlight=False)
        if wait:
            watch(client, document_id)


def ask(
    document_id: DocumentId,
    question: Annotated[str, typer.Argument(show_default=False)],
    memory: Annotated[bool, typer.Option(help="Answer with the document's memory.")] = True,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Longest answer.")] = None,
    url: Url = None,
) -> None:
    """Ask one question on one document."""
    with connected(url) as client:
        answer = client.ask(document_id, question, memory=memory, max_tokens=max_tokens)
    out.print(answer.answer, markup=False, highlight=False, soft_wrap=True)
    _show_share(answer)


def _show_share(answer: Answer) -> None:
    if answer.memory_share is None:
        return
    filled = round(answer.memory_share * _SHARE_WIDTH)
    bar = "█" * filled + "░" * (_SHARE_WIDTH - filled)
    out.print(
        f"memory share {bar} {answer.memory_share:.0%}: how much of the attention came from "
        "memory, no probability of truth",
        style="dim",
        highlight=False,
        soft_wrap=True,
    )
