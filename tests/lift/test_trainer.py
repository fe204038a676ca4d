"""The two-stage schedule, and what training may and may not change."""

from dataclasses import replace

import pytest
import torch

from app.lift.base_model import BaseModel
from app.lift.config import MethodConfig
from app.lift.errors import TrainingError
from app.lift.examples import TrainingData
from app.lift.memory import GatedMemory
from app.lift.observer import QAPair, Stage
from app.lift.presets import PRESETS
from app.lift.segments import cut_segments
from app.lift.trainer import plan_steps, train_memory
from tests.lift.conftest import TEXT, cached_base
from tests.lift.observers import Recorder
from tests.lift.recomputing import assert_same_when_recomputed

PAIRS = [QAPair("What was lit by Mirel Tand?", "The lamp of the tower", TEXT[:60], 0)]


@pytest.fixture
def data(llama: BaseModel) -> TrainingData:
    """A document of bytes with one pair."""
    tokens = llama.tokenize(TEXT)
    return TrainingData(TEXT, tokens, cut_segments(tokens, 32, 12), PAIRS, [TEXT[:60]])


@pytest.fixture
def taught(small: MethodConfig) -> MethodConfig:
    """Lessons of every sort, with a teacher and unrelated rows."""
    return replace(
        small,
        objective="distillation",
        completions_per_step=1,
        questions_per_step=1,
        context_share=0.5,
        unrelated_share=1.0,
        gate_weight=0.1,
        teacher_context_tokens=40,
    )


def test_paper_schedule_takes_eight_steps(llama: BaseModel, data: TrainingData) -> None:
    """One step an epoch over all examples: three of recitations, then five with the questions."""
    steps = list(plan_steps(llama, data, PRESETS["paper"]))
    sizes = [sum(len(row.group.examples) for row in rows) for rows in steps]
    num_segments = len(data.segments)

    assert sizes == [num_segments] * 3 + [num_segments + 1] * 5


def test_paper_schedule_keeps_its_learning_rate(
    llama: BaseModel, data: TrainingData, small: MethodConfig
) -> None:
    """Constant 1e-3 from the first step to the last."""
    method = replace(
        small, examples_per_step=None, recitation_epochs=3, joint_epochs=5, learning_rate=1e-3
    )
    recorder = Recorder()
    train_memory(llama, data, method, recorder)

    assert [step.learning_rate for step in recorder.steps] == [1e-3] * 8


def test_warm_up_and_decay_follow_the_settings(
    llama: BaseModel, data: TrainingData, small: MethodConfig
) -> None:
    """The rate climbs linearly to its peak, then falls linearly to its last value."""
    method = replace(
        small,
        examples_per_step=None,
        joint_epochs=6,
        learning_rate=1.0,
        warmup_steps=2,
        final_learning_rate_fraction=0.2,
    )
    recorder = Recorder()
    train_memory(llama, data, method, recorder)
    rates = [step.learning_rate for step in recorder.steps]

    assert rates == pytest.approx([0.5, 1.0, 1.0, 0.8, 0.6, 0.4, 0.2])


def test_small_steps_hold_every_example_once_an_epoch(
    llama: BaseModel, data: TrainingData, small: MethodConfig
) -> None:
    """Cut into small steps, an epoch still shows every example once."""
    method = replace(small, recitation_epochs=0, joint_epochs=1)
    steps = list(plan_steps(llama, data, method))
    examples = [example for rows in steps for row in rows for example in row.group.examples]

    assert len(examples) == len(data.segments) + len(PAIRS)
    assert len(steps) > 1


def test_training_lowers_the_loss(
    llama: BaseModel, data: TrainingData, small: MethodConfig
) -> None:
    """The memory learns its document."""
    method = replace(small, recitation_epochs=12, learning_rate=5e-3, memory_init_scale=4.0)
    recorder = Recorder()
    train_memory(llama, data, method, recorder)
    losses = [step.loss for step in recorder.steps]

    assert sum(losses[-4:]) < 0.8 * sum(losses[:4])


def test_training_is_repeatable(llama: BaseModel, data: TrainingData, small: MethodConfig) -> None:
    """The same document, settings and seed give the same memory, bit for bit; another seed not."""
    first, again, other = (
        train_memory(llama, data, replace(small, seed=seed), Recorder())[0] for seed in (1, 1, 2)
    )

    assert same(first, again)
    assert not same(first, other)


def same(first: GatedMemory, second: GatedMemory) -> bool:
    weights = zip(first.parameters(), second.parameters(), strict=True)
    return all(torch.equal(one, other) for one, other in weights)


def test_training_leaves_the_base_model_as_it_was(
    llama: BaseModel, data: TrainingData, small: MethodConfig
) -> None:
    """Weights, mode and hooks of the base model are untouched."""
    before = {name: value.clone() for name, value in llama.model.state_dict().items()}
    train_memory(llama, data, replace(small, checkpoint_activations=True), Recorder())

    assert all(torch.equal(before[name], value) for name, value in llama.model.state_dict().items())
    assert not llama.model.training
    assert not llama.model.is_activation_checkpointing


def test_recomputed_activations_change_no_memory(
    base: BaseModel, data: TrainingData, small: MethodConfig
) -> None:
    """Checkpointing saves memory only: the trained weights agree."""
    assert_same_when_recomputed(base, data, small)


def test_recomputed_activations_change_no_taught_memory(
    llama: BaseModel, data: TrainingData, taught: MethodConfig
) -> None:
    """Gates and teachers are not disturbed by what is computed twice."""
    assert_same_when_recomputed(llama, data, taught)


@pytest.mark.parametrize("family", ["llama", "qwen3"])
def test_lessons_teach_the_same_memory_again(
    family: str, data: TrainingData, taught: MethodConfig
) -> None:
    """All steps as planned, and the same weights from the same seed."""
    base, recorder = cached_base(family), Recorder()
    first, _ = train_memory(base, data, taught, recorder)
    again, _ = train_memory(base, data, taught, Recorder())

    assert same(first, again)
    assert len(recorder.steps) == len(list(plan_steps(base, data, taught)))


def test_tokens_that_only_the_teacher_reads_are_counted(
    llama: BaseModel, data: TrainingData, taught: MethodConfig
) -> None:
    """They are processed, too, though once only."""
    recorder = Recorder()
    train_memory(llama, data, taught, recorder)
    planned = list(plan_steps(llama, data, taught))
    rows = sum(row.num_tokens for step in planned for row in step)
    teachers = {group for step in planned for row in step for group in row.teachers}

    assert sum(step.tokens for step in recorder.steps) == rows + sum(
        group.num_tokens for group in teachers
    )


def test_rivals_take_lessons_without_gates(
    llama: BaseModel, data: TrainingData, taught: MethodConfig
) -> None:
    """LoRA has no gate to teach; the rest of the lesson is the same."""
    method = replace(taught, memory_kind="lora", lora_rank=2)
    _, history = train_memory(llama, data, method, Recorder())

    assert history[-1].loss > 0


def test_observer_hears_every_step_and_can_end_the_training(
    llama: BaseModel, data: TrainingData, small: MethodConfig
) -> None:
    """What the observer raises comes out, and the model is unplugged."""
    recorder = Recorder(stop_at_step=2)
    before = plain_logits(llama)
    with pytest.raises(InterruptedError):
        train_memory(llama, data, small, recorder)

    assert [step.step for step in recorder.steps] == [1, 2]
    assert recorder.stages == [(Stage.TRAIN, len(list(plan_steps(llama, data, small))))]
    assert torch.equal(plain_logits(llama), before)


@torch.no_grad()
def plain_logits(base: BaseModel) -> torch.Tensor:
    logits: torch.Tensor = base.model(torch.arange(5, 30)[None]).logits
    return logits


def test_metrics_count_the_tokens_that_were_processed(
    llama: BaseModel, data: TrainingData, small: MethodConfig
) -> None:
    """The sum over the steps is what went through the model."""
    recorder = Recorder()
    train_memory(llama, data, small, recorder)
    planned = [sum(row.num_tokens for row in rows) for rows in plan_steps(llama, data, small)]

    assert [step.tokens for step in recorder.steps] == planned


def test_a_diverging_training_is_refused(
    llama: BaseModel, data: TrainingData, small: MethodConfig
) -> None:
    """A loss that is no number ends the training with what to do about it."""

    def overflow(_module: object, _args: object, logits: torch.Tensor) -> torch.Tensor:
        return logits * float("nan")

    with (
        llama.model.lm_head.register_forward_hook(overflow),
        pytest.raises(TrainingError, match=r"loss of step 1 .* lower learning_rate"),
    ):
        train_memory(llama, data, small, Recorder())


@pytest.mark.parametrize("wanted", [1, 2, 3])
def test_a_step_holds_as_many_examples_as_asked(
    llama: BaseModel, data: TrainingData, small: MethodConfig, wanted: int
) -> None:
    """Groups are no larger than a step; only an epoch's last step may hold fewer."""
    method = replace(small, recitations_per_context=4, examples_per_step=wanted, joint_epochs=0)
    sizes = [
        sum(len(row.group.examples) for row in rows) for rows in plan_steps(llama, data, method)
    ]

    assert set(sizes[:-1]) == {wanted}
    assert sizes[-1] <= wanted
