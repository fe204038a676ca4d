"""The demo's table and its summary: only what was seen, put in words by the numbers' signs."""

import math
from collections.abc import Sequence
from statistics import fmean

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.client_views import Document
from app.demo.measuring import Measured

_GROUPS = {
    "Answers outside the truncated context": False,
    "Answers inside the truncated context": True,
}


def report(
    console: Console, document: Document, rows: Sequence[Measured], lift_seconds: float
) -> None:
    """Print the table of all questions, and what it comes to."""
    for title, is_inside in _GROUPS.items():
        if group := [row for row in rows if row.is_inside is is_inside]:
            console.print(_table(title, group))
    console.print(
        "log-likelihood: of the expected answer, mean a token, in nats; nearer to 0 is likelier. "
        "memory share: how much of the attention came from memory; no probability of truth.",
        style="dim",
    )
    console.print(f"\n{summary(document, rows, lift_seconds)}\n", highlight=False)


def summary(document: Document, rows: Sequence[Measured], lift_seconds: float) -> str:
    """Say in one paragraph what the numbers show, whichever way they point."""
    losses = [loss.loss for loss in document.losses]
    sentences = [f"Memorising {document.num_tokens or '?'} tokens took {lift_seconds:.0f} seconds."]
    if len(losses) > 1:
        sentences.append(
            f"The training loss went from {losses[0]:.2f} to {losses[-1]:.2f} "
            f"in {document.losses[-1].step} steps."
        )
    outside = [row for row in rows if not row.is_inside]
    inside = [row for row in rows if row.is_inside]
    sentences += [_comparison("outside", outside)] if outside else []
    sentences += [_comparison("inside", inside)] if inside else []
    num_right = sum(row.asked.is_right(row.asked.memory) for row in rows)
    num_without = sum(row.asked.is_right(row.asked.without) for row in rows)
    sentences.append(
        f"Word for word, {num_right} of {len(rows)} answers contain the expected one with memory, "
        f"{num_without} without."
    )
    return " ".join(sentences)


def _comparison(where: str, rows: Sequence[Measured]) -> str:
    before = fmean(row.log_likelihood_without for row in rows)
    after = fmean(row.log_likelihood_memory for row in rows)
    num_helped = sum(row.log_likelihood_memory > row.log_likelihood_without for row in rows)
    return (
        f"Where the answer stands {where} the truncated context, memory made the expected answers "
        f"{_change(before, after)} likely: {before:.2f} without, {after:.2f} with it, a factor of "
        f"{math.exp(after - before):.2g} a token; it helped in {num_helped} of {len(rows)} cases."
    )


def _change(before: float, after: float) -> str:
    if math.isclose(before, after, abs_tol=0.005):
        return "neither more nor less"
    return "more" if after > before else "less"


def _table(title: str, rows: Sequence[Measured]) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, expand=True, show_footer=True)
    for name in ("question", "truncated context only", "with memory", "expected"):
        table.add_column(name, ratio=1)
    heads = ("memory share", "log-lik. without", "log-lik. with")
    for name, mean in zip(heads, _means(rows), strict=True):
        table.add_column(name, mean, justify="right", width=8)
    table.columns[0].footer = "mean"
    for row in rows:
        table.add_row(*_cells(row))
    return table


def _cells(row: Measured) -> list[str]:
    share = row.asked.memory.memory_share
    return [
        *(
            escape(" ".join(text.split()))
            for text in (
                row.asked.question.question,
                row.asked.without.answer,
                row.asked.memory.answer,
                row.asked.question.answer,
            )
        ),
        "" if share is None else f"{share:.1%}",
        f"{row.log_likelihood_without:.2f}",
        f"{row.log_likelihood_memory:.2f}",
    ]


def _means(rows: Sequence[Measured]) -> list[str]:
    shares = [row.asked.memory.memory_share for row in rows]
    known = [share for share in shares if share is not None]
    return [
        f"{fmean(known):.1%}" if known else "",
        f"{fmean(row.log_likelihood_without for row in rows):.2f}",
        f"{fmean(row.log_likelihood_memory for row in rows):.2f}",
    ]
