"""`lift eval`: measure methods on documents with questions. The work is `app/evaluation/`'s.

What the command needs is imported inside it: `lift status` must not wait for torch.
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli import evaluation_options as given
from app.cli.console import fail, for_tables, local_errors_shown, out
from app.cli.environment import read_settings
from app.cli.evaluating import run_shown
from app.cli.options import Options, read_options

if TYPE_CHECKING:
    from app.evaluation.corpus import Corpus
    from app.evaluation.plan import Plan
    from app.evaluation.scores.chat_endpoint import EndpointSettings
    from app.evaluation.session import Finished
    from app.lift.base_model import BaseModel
    from app.settings import Settings

_KEPT = "What was measured is kept in {}. Run the same command to go on."


def evaluate(
    out_dir: given.OutFolder,
    docs: given.Docs = None,
    qa: given.Qa = None,
    form: given.Form = None,
    hay: given.Hay = None,
    lengths: given.Lengths = "1000,2000",
    depths: given.Depths = "0,25,50,75,100",
    needles: given.Needles = 1,
    methods: given.Methods = None,
    preset: given.Preset = None,
    paper_table: given.PaperTable = None,
    option: Options = None,
    metrics: given.Metrics = None,
    answers: given.Answers = None,
    max_answer_tokens: given.Count = None,
    rank: given.Rank = False,
    core: given.Core = False,
    document: given.DocumentIds = None,
    limit_documents: given.Count = None,
    judge_url: given.JudgeUrl = None,
    judge_model: given.JudgeModel = None,
    seed: given.Seed = None,
    model: given.Model = None,
) -> None:
    """Measure methods on documents with questions: answers.jsonl, summary.csv, report.html."""
    settings = read_settings(model=model)
    options = read_options(option) | ({} if seed is None else {"seed": seed})
    with local_errors_shown(_KEPT.format(out_dir)):
        from app.evaluation.plan import Wishes, make_plan
        from app.evaluation.readers.load import load_corpus
        from app.evaluation.selection import select

        endpoint = _endpoint(judge_url, judge_model, settings)
        wishes = Wishes(
            methods, preset, paper_table, metrics, answers, max_answer_tokens, rank,
            endpoint is not None, options,
        )  # fmt: skip
        plan = make_plan(wishes, settings.preset)
        if bool(docs) == bool(hay):
            raise fail("name documents with --docs, or hay for a needle test with --hay")
        choose = partial(select, core=core, document_ids=document or [], limit=limit_documents)
        corpus = choose(load_corpus(docs, qa, form)) if docs else None
        base = _base_model(settings)
        corpus = corpus or choose(_needles(hay, lengths, depths, needles, seed or 0, base))
        _run(plan, corpus, base, out_dir, endpoint, seed or 0, settings.reader, paper_table)


def _endpoint(
    url: str | None, model: str | None, settings: "Settings"
) -> "EndpointSettings | None":
    from app.evaluation.scores.chat_endpoint import EndpointSettings

    if url is None and model is None:
        return None
    if not (url and model):
        raise fail("a judge needs both --judge-url and --judge-model")
    key = settings.judge_api_key
    return EndpointSettings(url, model, key.get_secret_value() if key else "")


def _run(
    plan: "Plan",
    corpus: "Corpus",
    base: "BaseModel",
    folder: Path,
    endpoint: "EndpointSettings | None",
    seed: int,
    reader: Path | None,
    paper_table: int | None,
) -> None:
    from app.evaluation.paper_tables import PAPER_TABLES
    from app.evaluation.session import run_evaluation

    if paper_table is not None:
        out.print(f"table {paper_table}: {PAPER_TABLES[paper_table].shows}", highlight=False)
    with run_shown(out) as shown:
        finished = run_evaluation(plan, corpus, base, folder, shown, endpoint, seed, reader)
    _tell(finished, folder)


def _needles(
    hay: Path | None, lengths: str, depths: str, needles: int, seed: int, base: "BaseModel"
) -> "Corpus":
    from app.evaluation.readers.needle import NeedleGrid, needle_corpus

    assert hay
    grid = NeedleGrid(
        tuple(int(length) for length in _numbers("--lengths", lengths)),
        tuple(_numbers("--depths", depths)),
        needles,
        seed,
    )
    return needle_corpus(hay, grid, lambda text: len(base.tokenize(text)))


def _numbers(name: str, text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise fail(f"{name} takes numbers with commas between, not {text!r}") from error


def _base_model(settings: "Settings") -> "BaseModel":
    from app.lift.base_model import load_base_model

    with out.status("loading the base model"):
        return load_base_model(**settings.base_model)


def _tell(finished: "Finished", folder: Path) -> None:
    from app.cli.evaluation_tables import evaluation_tables

    for table in evaluation_tables(finished.results):
        for_tables().print(table)
    for name in ("report.html", "summary.csv", "scores.csv", "answers.jsonl"):
        out.print(f"wrote {folder / name}", markup=False, highlight=False, soft_wrap=True)
    if failures := finished.results.failures:
        names = ", ".join(f"{each.label} on {each.document_id}" for each in failures)
        raise fail(f"{len(failures)} could not be measured: {names}. Their reasons stand above.")
    if finished.judge_problem:
        raise fail(finished.judge_problem)
