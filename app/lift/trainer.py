"""The training of one document's memory (paper, section 3.3, Table 8): forward, backward, step.

What each step shows is planned elsewhere: `two_stages.py` is the paper's plan, `lessons.py` ours.
Saves nothing: tells the observer of every step and offers a checkpoint behind it.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from torch.nn.utils import clip_grad_norm_
from torch.optim import AdamW

from app.lift.base_model import BaseModel
from app.lift.checkpoint import TrainingState, identity_of
from app.lift.config import MethodConfig
from app.lift.errors import TrainingError
from app.lift.examples import ExampleGroup, TrainingData, TrainingRow
from app.lift.kinds import DocumentMemory, empty_memory, form_of, new_memory
from app.lift.lessons import lesson_steps
from app.lift.losses import disturbance, example_losses, gate_loss
from app.lift.observer import Observer, Stage, StepMetrics
from app.lift.start import Start
from app.lift.teacher import Teacher
from app.lift.two_stages import two_stage_steps

Plan = Callable[[], Iterator[list[TrainingRow]]]
"""Gives the rows of every optimiser step, the same at each call."""
_PLANS = MappingProxyType({"next-token": two_stage_steps, "distillation": lesson_steps})


def train_memory(
    base: BaseModel,
    data: TrainingData,
    method: MethodConfig,
    observer: Observer,
    start: Start | None = None,
    checkpoint: Path | None = None,
) -> tuple[DocumentMemory, list[StepMetrics]]:
    """Train a memory on a document, from `start` or a new one, behind the checkpoint if given one.

    What is returned is the trained memory, drawn back as `kept_change` says.

    The same arguments give the same memory, with or without a checkpoint. Raises like `train`.
    """
    memory = _memory_to_train(base, method, start, checkpoint)
    identity = identity_of(base, method, [data], start.sha256 if start else None)
    plan = partial(plan_steps, base, data, method)
    history = train(base, memory, plan, method, observer, identity, checkpoint)
    memory.draw_back(method.kept_change)
    return memory, history


def train(
    base: BaseModel,
    memory: DocumentMemory,
    plan: Plan,
    method: MethodConfig,
    observer: Observer,
    identity: Mapping[str, str],
    checkpoint: Path | None = None,
) -> list[StepMetrics]:
    """Train `memory` step by step as planned; return all steps, those of the checkpoint included.

    Whatever the observer raises ends the training and comes out here.

    Raises:
        CheckpointError: the checkpoint is damaged or of another training than `identity`.
        TrainingError: the loss became infinite or no number.
    """
    optimizer = _optimizer(memory, method)
    state = TrainingState(memory, optimizer, identity)
    if checkpoint is not None:
        state.restore(checkpoint)
    total_steps, num_taken = sum(1 for _ in plan()), len(state.history)
    observer.stage_started(Stage.TRAIN, total_steps, "steps", num_taken)
    learning_rate_at = _learning_rate_curve(method, total_steps)
    teacher = Teacher(base, method.teacher_top_k)
    with _training_mode(base, method.checkpoint_activations):
        for number, rows, num_tokens in islice(_numbered(plan()), num_taken, None):
            loss = _backward(teacher, base, memory, rows, method)
            _require_finite(loss, number)
            norm = clip_grad_norm_(memory.parameters(), method.max_gradient_norm)
            optimizer.param_groups[0]["lr"] = rate = learning_rate_at(number)
            optimizer.step()
            optimizer.zero_grad()
            state.history.append(StepMetrics(number, loss, norm.item(), rate, num_tokens))
            observer.step_taken(state.history[-1])
            observer.progressed(number)
            observer.checkpoint_offered(number, state.write)
    memory.eval()
    return state.history


def plan_steps(
    base: BaseModel, data: TrainingData, method: MethodConfig
) -> Iterator[list[TrainingRow]]:
    """Yield the rows of every optimiser step, in order, as the method's objective sets them."""
    return _PLANS[method.objective](base, data, method)


def _memory_to_train(
    base: BaseModel, method: MethodConfig, start: Start | None, checkpoint: Path | None
) -> DocumentMemory:
    if checkpoint is not None:  # all weights come from there
        return empty_memory(base, form_of(base, method)).to_empty(device=base.device)
    return new_memory(base, method) if start is None else start.copied()


class _Step(NamedTuple):
    number: int
    """Counted from 1."""
    rows: list[TrainingRow]
    num_tokens: int
    """What a teacher reads is counted the first time: it is kept."""


def _numbered(plan: Iterator[list[TrainingRow]]) -> Iterator[_Step]:
    taught: set[ExampleGroup] = set()
    for number, rows in enumerate(plan, start=1):
        new = {group for row in rows for group in row.teachers} - taught
        taught |= new
        tokens = sum(row.num_tokens for row in rows) + sum(group.num_tokens for group in new)
        yield _Step(number, rows, tokens)


def _require_finite(loss: float, step: int) -> None:
    if not math.isfinite(loss):
        raise TrainingError(
            f"training diverged: the loss of step {step} is no number; try again with a lower "
            "learning_rate"
        )


def _optimizer(memory: DocumentMemory, method: MethodConfig) -> AdamW:
    return AdamW(
        memory.parameters(),
        lr=method.learning_rate,
        betas=(method.beta1, method.beta2),
        eps=method.epsilon,
        weight_decay=method.weight_decay,
    )


def _learning_rate_curve(method: MethodConfig, total_steps: int) -> Callable[[int], float]:
    """Return the learning rate by step, from 1: linear warm-up, then linear to the final one."""
    warmup = min(method.warmup_steps, total_steps)
    falling = max(1, total_steps - warmup - 1)

    def learning_rate(step: int) -> float:
        if step <= warmup:
            return method.learning_rate * (step / warmup)
        done = min(1.0, (step - 1 - warmup) / falling)
        fraction = 1.0 - done * (1.0 - method.final_learning_rate_fraction)
        return method.learning_rate * fraction

    return learning_rate


@contextmanager
def _training_mode(base: BaseModel, checkpoint_activations: bool) -> Iterator[None]:
    """Recompute activations inside the block if asked to; transformers does so in train mode."""
    if not checkpoint_activations:
        yield
        return
    base.model.activation_checkpointing_enable({"use_reentrant": False})
    base.model.train()
    try:
        yield
    finally:
        base.model.eval()
        base.model.activation_checkpointing_disable()


def _backward(
    teacher: Teacher,
    base: BaseModel,
    memory: DocumentMemory,
    rows: Sequence[TrainingRow],
    method: MethodConfig,
) -> float:
    """Add up the gradients of a step; return the mean loss of the document's examples in it."""
    num_examples = sum(len(row.group.examples) for row in rows if not row.is_unrelated)
    total = 0.0
    for row in rows:
        targets = [each for group in row.teachers for each in teacher.targets(group)]
        with base.plugged(memory) as trace:
            if row.is_unrelated:
                loss = disturbance(base, row.group, targets) * method.unrelated_weight
            else:
                loss = example_losses(base, row.group, targets).sum() / num_examples
                total += loss.item()
            if trace and method.gate_weight:
                gates = gate_loss(trace, row.group, is_unrelated=row.is_unrelated)
                loss = loss + method.gate_weight * gates
            loss.backward()  # type: ignore[no-untyped-call]
    return total
