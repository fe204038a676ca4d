"""Documents on the console: a table, one document, one that is being trained."""

import math
from collections.abc import Iterator

from rich.markup import escape
from rich.table import Table

from app.cli.console import fail, interrupted, out
from app.cli.curve import loss_curve
from app.cli.lifting import show_lifting
from app.cli.quality import quality_sentence
from app.client import Client
from app.client_views import Document, Progress

_MINUTE = 60


def watch(client: Client, document_id: str) -> None:
    """Show a document's training to its end; anything but a memory is a failure."""
    try:
        document = show_lifting(out, client.follow(document_id))
    except KeyboardInterrupt as error:
        stopped = f"The server goes on. Look again with: lift status {document_id}"
        raise interrupted(stopped) from error
    if document.status != "ready":
        reason = document.error.detail if document.error else f"document {document.status}"
        raise fail(" ".join([reason, *_older_version(document)]))
    _show_quality(document)
    out.print(f'Ready. Ask with: lift ask {document_id} "…"', markup=False, highlight=False)


def table_of(documents: Iterator[Document]) -> Table:
    """List documents, each as its newest version stands."""
    table = Table("id", "title", "version", "status", "stage", "tokens")
    table.columns[0].no_wrap = True
    table.columns[2].justify = table.columns[-1].justify = "right"
    for document in documents:
        tokens = "" if document.num_tokens is None else f"{document.num_tokens:,}"
        table.add_row(
            document.id,
            escape(document.title),
            str(document.version),
            ", ".join([document.status, *_place(document)]),
            document.stage or "",
            tokens,
        )
    return table


def show(document: Document) -> None:
    """Show one document: how far it is, what went wrong, what it is worth, its losses."""
    out.print(table_of(iter([document])))
    if document.progress and not document.is_settled:
        out.print(_how_far(document.progress), highlight=False)
    if document.error:
        out.print(document.error.detail, markup=False, highlight=False, soft_wrap=True)
    for sentence in _older_version(document):
        out.print(sentence, highlight=False)
    _show_quality(document)
    curve = loss_curve([loss.loss for loss in document.losses])
    if curve:
        out.print(f"loss over {document.losses[-1].step} steps", curve, sep="\n", highlight=False)


def _place(document: Document) -> list[str]:
    return [] if document.queue_position is None else [f"place {document.queue_position}"]


def _older_version(document: Document) -> list[str]:
    answering = document.adapter
    if answering is None or answering.version == document.version:
        return []
    return [f"(version {answering.version} still answers)"]


def _how_far(now: Progress) -> str:
    done = f"{now.completed} of {now.total} {now.unit}"
    return done if now.eta_seconds is None else f"{done}, about {_duration(now.eta_seconds)} left"


def _duration(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{math.ceil(seconds)} s"
    minutes = math.ceil(seconds / _MINUTE)
    return f"{minutes} min" if minutes < _MINUTE else f"{minutes // 60} h {minutes % 60} min"


def _show_quality(document: Document) -> None:
    if document.quality:
        said = quality_sentence(document.quality)
        out.print(said, markup=False, highlight=False, soft_wrap=True)
