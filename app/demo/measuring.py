"""What the demo measures of a question: what was said, and how likely the expected answer was."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import track

from app.client import Client
from app.client_views import Answer
from app.lift.config import MethodConfig
from app.samples import Sample, SampleQuestion
from app.settings import Settings

_ANSWER_TOKENS = 16


@dataclass(frozen=True, slots=True)
class Asked:
    """One question as the server answered it, without memory and with it."""

    question: SampleQuestion
    without: Answer
    memory: Answer

    def is_right(self, answer: Answer) -> bool:
        """True if the expected answer stands in the one given, letter case aside."""
        return self.question.answer.casefold() in answer.answer.casefold()


@dataclass(frozen=True, slots=True)
class Measured:
    """One question with the expected answer's likelihood, in nats a token."""

    asked: Asked
    is_inside: bool
    """True if the truncated context shows the answer's passage."""
    log_likelihood_without: float
    log_likelihood_memory: float


def ask_all(
    client: Client, document_id: str, questions: Sequence[SampleQuestion], console: Console
) -> list[Asked]:
    """Ask each question over the truncated context alone, and with the memory beside it."""
    quiet = not console.is_terminal
    return [
        Asked(
            question,
            client.ask(document_id, question.question, memory="off", max_tokens=_ANSWER_TOKENS),
            client.ask(document_id, question.question, max_tokens=_ANSWER_TOKENS),
        )
        for question in track(questions, "ask", console=console, disable=quiet)
    ]


def measure(
    sample: Sample, asked: Sequence[Asked], adapter: Path, method: MethodConfig, settings: Settings
) -> list[Measured]:
    """Score the expected answers over the truncated context, with the adapter and without."""
    # Imported here: they load torch, which takes seconds.
    from app.evaluation.likelihood import gold_log_likelihoods, is_shown
    from app.lift.adapter import read_adapter, read_metadata
    from app.lift.base_model import load_base_model

    as_served = {"dtype": read_metadata(adapter)["base_dtype"]}
    base = load_base_model(**settings.base_model | as_served)
    gold = [(each.question.question, each.question.answer) for each in asked]
    score = partial(gold_log_likelihoods, base, sample.text, gold, method)
    inside = [is_shown(base, sample.text, each.question.where, method) for each in asked]
    rows = zip(asked, inside, score(None), score(read_adapter(adapter, base)), strict=True)
    return [Measured(*row) for row in rows]
