"""`lift status`, `cancel`, `retry`, `relift`: how a training stands, and what becomes of it."""

from typing import Annotated

import typer

from app.cli.connecting import Url, connected
from app.cli.console import out
from app.cli.options import DocumentId, Options, Preset, Priority, Wait, read_options
from app.cli.showing import show, table_of, watch


def status(
    document_id: Annotated[str | None, typer.Argument(metavar="[ID]", show_default=False)] = None,
    url: Url = None,
) -> None:
    """List all documents, or show one with its loss curve."""
    with connected(url) as client:
        if document_id is None:
            out.print(table_of(client.documents()))
        else:
            show(client.get(document_id))


def cancel(document_id: DocumentId, url: Url = None) -> None:
    """Stop a document's training, or take it out of the queue."""
    with connected(url) as client:
        document = client.cancel(document_id)
    out.print(f"document {document_id} is {document.status}", markup=False, highlight=False)


def retry(document_id: DocumentId, wait: Wait = True, url: Url = None) -> None:
    """Let a failed or cancelled training go on where it was."""
    with connected(url) as client:
        client.retry(document_id)
        if wait:
            watch(client, document_id)


def relift(
    document_id: DocumentId,
    preset: Preset = None,
    option: Options = None,
    priority: Priority = 0,
    wait: Wait = True,
    url: Url = None,
) -> None:
    """Train a document's memory anew; what is not named stays, and the old one answers so long."""
    options = read_options(option)
    with connected(url) as client:
        document = client.relift(document_id, preset=preset, options=options, priority=priority)
        out.print(f"document {document_id}, version {document.version}", highlight=False)
        if wait:
            watch(client, document_id)
