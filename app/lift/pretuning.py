"""Pre-LIFT fine-tuning (arXiv 2412.13626): a reader, trained on many documents and their questions.

Each document is studied by the plan that lifts it; their steps come mixed, so that what stays in
the one memory is what they share. The base model is frozen here; that paper tunes it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from app.lift.adapter import Lifted
from app.lift.base_model import BaseModel
from app.lift.checkpoint import identity_of
from app.lift.config import MethodConfig
from app.lift.errors import DocumentError
from app.lift.examples import TrainingData, TrainingRow
from app.lift.kinds import new_memory
from app.lift.observer import Observer, QAPair
from app.lift.pipeline import prepare, require_fit
from app.lift.trainer import Plan, plan_steps, train


@dataclass(frozen=True, slots=True)
class StudyText:
    """A long document with questions and answers that are known to be good."""

    text: str
    pairs: Sequence[QAPair]


def pretune(
    texts: Sequence[StudyText], base: BaseModel, method: MethodConfig, observer: Observer
) -> Lifted:
    """Train one memory on all `texts`, with their own pairs: none are written.

    The same texts, base model, settings and machine give the same memory. What the observer raises
    ends the training.

    Raises:
        DocumentError: there are no texts, one is empty, or the settings exceed the base model.
        MemoryFormError: the base model cannot carry a memory of the kind and rank asked for.
        TrainingError: the loss became infinite or no number.
    """
    if not texts:
        raise DocumentError("there are no documents to learn from")
    require_fit(base, method)
    studied = [prepare(each.text, base, method, each.pairs) for each in texts]
    memory = new_memory(base, method)
    plan, identity = mixed_plan(base, studied, method), identity_of(base, method, studied)
    history = train(base, memory, plan, method, observer, identity)
    return Lifted(
        memory=memory,
        base=base,
        method=method,
        num_tokens=sum(len(data.tokens) for data in studied),
        num_qa_pairs=sum(len(data.pairs) for data in studied),
        tokens_processed=sum(step.tokens for step in history),
        losses=tuple(step.loss for step in history),
    )


def mixed_plan(base: BaseModel, studied: Sequence[TrainingData], method: MethodConfig) -> Plan:
    """Return a plan of every document's steps, each document's in order, mixed evenly at random."""
    turns = [
        number
        for number, data in enumerate(studied)
        for _ in plan_steps(base, data, method)  # only to count them
    ]
    Random(method.seed).shuffle(turns)

    def plan() -> Iterator[list[TrainingRow]]:
        steps = [plan_steps(base, data, method) for data in studied]
        return (next(steps[number]) for number in turns)

    return plan
