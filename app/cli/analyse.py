"""`lift analyse`: look into a memory. The analyses stand in `app/evaluation/analyses/`.

What a command needs is imported inside it: `lift status` must not wait for torch.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.analysis_tables import efficiency_table, gates_table, similarity_table
from app.cli.console import fail, local_errors_shown, out
from app.cli.environment import read_settings

if TYPE_CHECKING:
    from app.evaluation.analyses.findings import Findings
    from app.evaluation.analyses.subject import Asked, Subject

app = typer.Typer(
    help="Look into a memory: what its gates do, what it makes of attention, what it costs.",
    no_args_is_help=True,
)

Adapter = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, help="A memory's file.", show_default=False)
]
Document = Annotated[
    Path,
    typer.Argument(
        exists=True, dir_okay=False, help="The text it was trained on.", show_default=False
    ),
]
Out = Annotated[
    Path, typer.Option("--out", file_okay=False, help="Folder for table, summary and figures.")
]
Model = Annotated[str | None, typer.Option(help="The base model; LIFT_MODEL by default.")]
_OUT = Path("analysis")
_STOPPED = "Stopped; nothing was written."


@app.command()
def similarity(
    adapter: Adapter,
    document: Document,
    question: Annotated[list[str] | None, typer.Option(help="May be repeated.")] = None,
    answer: Annotated[list[str] | None, typer.Option(help="One for each --question.")] = None,
    qa: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="JSONL rows with `question` and `answers`, instead."
        ),
    ] = None,
    document_id: Annotated[
        str | None, typer.Option(help="Take the rows of --qa with this `doc_id`.")
    ] = None,
    other: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Another document's memory, as a control."),
    ] = None,
    out_dir: Out = _OUT,
    model: Model = None,
) -> None:
    """Compare attention with the full context's, layer by layer, without memory and with it."""
    with local_errors_shown(_STOPPED), out.status("reading") as status:
        from app.evaluation.analyses.similarity import measure_similarity
        from app.evaluation.analyses.similarity_report import similarity_findings
        from app.lift.adapter import read_adapter

        asked = _asked(question or [], answer or [], qa, document_id)
        subject = _subject(adapter, document, model)
        other_memory = read_adapter(other, subject.base) if other else None
        found = measure_similarity(subject, asked, other_memory, status.update)
        findings = similarity_findings(found, f"Similarity of attention: {document.name}")
    out.print(similarity_table(found))
    _write(out_dir, findings)


@app.command()
def gates(
    adapter: Adapter,
    document: Document,
    question: Annotated[str, typer.Option(show_default=False)],
    answer: Annotated[
        str | None, typer.Option(help="By default, what the model says with the memory.")
    ] = None,
    out_dir: Out = _OUT,
    model: Model = None,
) -> None:
    """Show where a memory's gates open for a question, by layer, head and token."""
    with local_errors_shown(_STOPPED), out.status("reading"):
        from app.evaluation.analyses.gates import measure_gates
        from app.evaluation.analyses.gates_report import gates_findings

        found = measure_gates(_subject(adapter, document, model), question, answer)
        findings = gates_findings(found, f"Gates: {document.name}")
    out.print(gates_table(found))
    _write(out_dir, findings)


@app.command()
def efficiency(
    adapter: Adapter,
    document: Document,
    question: Annotated[str, typer.Option()] = "What is this text about?",
    tokens: Annotated[int, typer.Option(help="Tokens to generate.")] = 64,
    length: Annotated[
        list[int] | None,
        typer.Option(help="Use the document's first so many tokens; may be repeated.", min=1),
    ] = None,
    training_seconds: Annotated[
        float | None,
        typer.Option(
            help="What the training took; by default told by its first steps.", min=0, max=1e9
        ),
    ] = None,
    cpu_seconds: Annotated[
        bool,
        typer.Option(
            "--cpu-seconds",
            help="Count processor seconds, of all threads: for a machine that others use, too.",
        ),
    ] = False,
    out_dir: Out = _OUT,
    model: Model = None,
) -> None:
    """Time an answer with the memory and over the full context, and find the break-even."""
    with local_errors_shown(_STOPPED), out.status("reading") as status:
        from app.evaluation.analyses.efficiency import measure_efficiency, require_lengths
        from app.evaluation.analyses.efficiency_report import How, efficiency_findings
        from app.evaluation.analyses.training_time import estimate_training_seconds

        subject = _subject(adapter, document, model)
        clock = _clock(subject, cpu_seconds)
        lengths = sorted(set(length or [len(subject.tokens)]))
        require_lengths(subject, lengths, question, tokens)
        how = How(training_seconds is None, "processor seconds" if cpu_seconds else "seconds")
        trained = training_seconds
        if trained is None:
            status.update("timing some steps of training")
            trained = estimate_training_seconds(subject, clock)
        timings = []
        for each in lengths:
            status.update(f"answering over {each} tokens")
            timings.append(measure_efficiency(subject, each, question, tokens, trained, clock))
        findings = efficiency_findings(timings, how, f"Time to answer: {document.name}")
    out.print(efficiency_table(timings, how))
    _write(out_dir, findings)


def _clock(subject: "Subject", cpu_seconds: bool) -> Callable[[], float]:
    if not cpu_seconds:
        return time.perf_counter
    if subject.base.device.type != "cpu":
        raise fail("--cpu-seconds says nothing of an accelerator: leave it out")
    return time.process_time


def _asked(
    questions: list[str], answers: list[str], qa: Path | None, document_id: str | None
) -> "list[Asked]":
    from app.evaluation.analyses.asking import given_questions, read_questions

    if bool(qa) == bool(questions):
        raise fail("give questions either with --question and --answer, or with --qa")
    return read_questions(qa, document_id) if qa else given_questions(questions, answers)


def _subject(adapter: Path, document: Path, model: str | None) -> "Subject":
    from app.evaluation.analyses.subject import BaseSource, load_subject
    from app.ingest.sandbox import parse_file

    settings = read_settings(model=model)
    source = BaseSource(settings.model, settings.model_cache_dir, settings.device)
    return load_subject(adapter, parse_file(document, document.name).text, source)


def _write(folder: Path, findings: "Findings") -> None:
    from app.evaluation.analyses.findings import write_findings

    with local_errors_shown(_STOPPED):
        for path in write_findings(folder, findings):
            out.print(f"wrote {path}", markup=False, highlight=False, soft_wrap=True)
