"""Pre-LIFT fine-tuning: many documents, one memory."""

from dataclasses import replace

import pytest
import torch

from app.lift.adapter import Lifted
from app.lift.base_model import BaseModel
from app.lift.config import MethodConfig
from app.lift.errors import DocumentError, MemoryFormError
from app.lift.examples import TrainingRow
from app.lift.observer import QAPair, Stage
from app.lift.pipeline import prepare
from app.lift.pretuning import StudyText, mixed_plan, pretune
from app.lift.trainer import plan_steps
from tests.lift.conftest import TEXT
from tests.lift.observers import Recorder

TEXTS = [
    StudyText(TEXT, [QAPair("Who lit the lamp?", "Mirel Tand", "Mirel Tand", 34)]),
    StudyText("A kite was flown at noon by the twins of the ferry. " * 3, []),
    StudyText(
        "Salt is weighed twice. " * 4, [QAPair("How often is salt weighed?", "twice", "", 0)]
    ),
]


@pytest.fixture
def method(small: MethodConfig) -> MethodConfig:
    """Small settings with both stages."""
    return replace(small, examples_per_step=2)


def plan(base: BaseModel, method: MethodConfig) -> list[list[TrainingRow]]:
    studied = [prepare(each.text, base, method, each.pairs) for each in TEXTS]
    return list(mixed_plan(base, studied, method)())


def test_every_documents_steps_come_in_their_order(llama: BaseModel, method: MethodConfig) -> None:
    """Mixed, but none left out, none twice, and each document's stages one after the other."""
    mixed = plan(llama, method)
    alone = [
        list(plan_steps(llama, prepare(each.text, llama, method, each.pairs), method))
        for each in TEXTS
    ]

    assert len(mixed) == sum(map(len, alone))
    for steps in alone:
        assert [step for step in mixed if step in steps] == steps
    assert mixed != [step for steps in alone for step in steps]


def test_plan_is_the_same_each_time(llama: BaseModel, method: MethodConfig) -> None:
    """The trainer counts a plan before it follows it; another seed mixes otherwise."""
    assert plan(llama, method) == plan(llama, method)
    assert plan(llama, method) != plan(llama, replace(method, seed=9))


@pytest.mark.parametrize("kind", ["gated-memory", "lora"])
def test_reader_learns_from_all_documents(
    llama: BaseModel, method: MethodConfig, kind: str
) -> None:
    """The loss falls, and what went in is counted over all of them."""
    method = replace(
        method,
        memory_kind=kind,
        lora_rank=4,
        recitation_epochs=5,
        learning_rate=5e-3,
        memory_init_scale=4.0,
    )
    recorder = Recorder()
    lifted = pretune(TEXTS, llama, method, recorder)
    third = len(lifted.losses) // 3

    assert sum(lifted.losses[-third:]) < 0.8 * sum(lifted.losses[:third])
    assert recorder.stages == [(Stage.TRAIN, len(lifted.losses))]
    assert lifted.num_tokens == sum(len(llama.tokenize(each.text)) for each in TEXTS)
    assert lifted.num_qa_pairs == 2
    assert lifted.tokens_processed == sum(step.tokens for step in recorder.steps)


def test_pretuning_is_repeatable(llama: BaseModel, method: MethodConfig) -> None:
    """The same texts and settings give the same reader, bit for bit."""
    first, again = (pretune(TEXTS, llama, method, Recorder()) for _ in range(2))

    assert all(map(torch.equal, weights(first), weights(again)))


def weights(lifted: Lifted) -> list[torch.Tensor]:
    return list(lifted.memory.state_dict().values())


def test_questions_of_unknown_place_are_learnt_without_a_teacher(
    llama: BaseModel, method: MethodConfig
) -> None:
    """Distilled, a question whose evidence nobody knows is learnt word for word, and comes first.

    A row's teachers teach its last examples.
    """
    method = replace(
        method,
        objective="distillation",
        examples_per_step=8,
        completions_per_step=0,
        questions_per_step=4,
        teacher_context_tokens=40,
        unrelated_share=0.0,
        recitation_epochs=0,
        joint_epochs=2,
    )
    known, unknown = TEXTS[0].pairs[0], QAPair("What froze?", "the stairs", "", 0)
    data = prepare(TEXT, llama, method, [known, unknown])
    rows = [row for step in plan_steps(llama, data, method) for row in step]

    assert rows
    for row in rows:
        taught = [teacher.examples[0].target for teacher in row.teachers]
        assert taught
        assert [example.target for example in row.group.examples][-len(taught) :] == taught
        assert {llama.tokenizer.decode(target) for target in taught} == {" Mirel Tand</s>"}


def test_no_documents_are_refused(llama: BaseModel, method: MethodConfig) -> None:
    """There must be something to learn from."""
    with pytest.raises(DocumentError, match="there are no documents to learn from"):
        pretune([], llama, method, Recorder())


def test_a_document_without_text_is_refused(llama: BaseModel, method: MethodConfig) -> None:
    """An empty text among others is not passed over."""
    with pytest.raises(DocumentError, match="holds no text"):
        pretune([*TEXTS, StudyText("", [])], llama, method, Recorder())


def test_settings_that_do_not_fit_are_refused_before_training(
    llama: BaseModel, method: MethodConfig
) -> None:
    """A window or a kind that the base model cannot carry."""
    recorder = Recorder()
    with pytest.raises(DocumentError, match="'tiny-llama' reads 16384"):
        pretune(TEXTS, llama, replace(method, window_tokens=20_000), recorder)
    with pytest.raises(MemoryFormError, match="more than pissa can have"):
        pretune(TEXTS, llama, replace(method, memory_kind="pissa"), recorder)

    assert recorder.stages == []
