"""`lift ask`: an answer as it comes, and what stands in the document about it."""

from collections.abc import Iterator
from typing import Annotated, Literal

import typer

from app.cli.connecting import Url, connected
from app.cli.console import out
from app.cli.options import DocumentId
from app.client_views import Answer, Evidence

_SHARE_WIDTH = 20
_EVIDENCE_CHARACTERS = 200
_WITHOUT_MEMORY = {
    "pending": "without memory, which is still in the making: answered from passages of the text",
    "unrelated": "without memory: by its words, the question is hardly about the document",
}

Memory = Annotated[
    Literal["always", "required", "if_ready", "off"],
    typer.Option(
        help="if_ready answers from the text while the memory is in the making; always reads it "
        "for unrelated questions, too."
    ),
]
Context = Annotated[
    Literal["truncated", "retrieved", "none"] | None,
    typer.Option(help="What of the text stands beside the question.", show_default=False),
]


def ask(
    document_id: DocumentId,
    question: Annotated[str, typer.Argument(show_default=False)],
    memory: Memory = "required",
    context: Context = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Longest answer.")] = None,
    temperature: Annotated[
        float | None, typer.Option(min=0, max=2, help="0 takes the likeliest words.")
    ] = None,
    evidence: Annotated[bool, typer.Option(help="Show passages that bear on it.")] = True,
    url: Url = None,
) -> None:
    """Ask one question on one document."""
    with connected(url) as client:
        pieces = client.ask_streamed(
            document_id,
            question,
            memory=memory,
            context=context,
            max_tokens=max_tokens,
            temperature=temperature,
            evidence=evidence,
        )
        answer = _print_pieces(pieces)
    _show_memory(answer)
    for each in answer.evidence or ():
        _show_evidence(each)


def _print_pieces(pieces: Iterator[str | Answer]) -> Answer:
    """Print an answer as it comes; the line of one that breaks off is ended, too."""
    is_begun = False
    try:
        for piece in pieces:
            if isinstance(piece, Answer):
                return piece
            out.print(piece, end="", markup=False, highlight=False, soft_wrap=True)
            is_begun = True
    finally:
        if is_begun:
            out.print()
    raise AssertionError("an answer that does not end in what is told of it")


def _show_memory(answer: Answer) -> None:
    if said := _WITHOUT_MEMORY.get(answer.memory):
        out.print(said, style="dim", highlight=False, soft_wrap=True)
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


def _show_evidence(evidence: Evidence) -> None:
    """Print where a passage stands, and how it begins."""
    page = [f"page {evidence.page}"] if evidence.page is not None else []
    heading = [evidence.heading] if evidence.heading else []
    place = ", ".join([*page, *heading, f"characters {evidence.start} to {evidence.end}"])
    line = " ".join(evidence.text.split())
    short = line if len(line) <= _EVIDENCE_CHARACTERS else f"{line[:_EVIDENCE_CHARACTERS]}…"
    out.print(
        f"\nin the text ({place})", style="dim", markup=False, highlight=False, soft_wrap=True
    )
    out.print(short, markup=False, highlight=False, soft_wrap=True)
