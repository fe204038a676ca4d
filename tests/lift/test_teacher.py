"""The base model as teacher: distributions cut to their likeliest tokens."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from app.lift.base_model import BaseModel
from app.lift.examples import Example, ExampleGroup
from app.lift.packing import row_on, supervised_logits
from app.lift.teacher import SoftTargets, Teacher, divergence, log_rest, log_shift

GROUP = ExampleGroup((40, 41), (Example((50,), (60, 61, 62)), Example((51, 52), (63,))))


def _targets(logits: torch.Tensor, top_k: int, label: int = 0) -> SoftTargets:
    said = logits.log_softmax(-1)
    top = said.topk(top_k)
    labels = torch.full(logits.shape[:1], label)
    return SoftTargets(top.indices, top.values, log_rest(top.values), labels, said[:, label])


@given(st.integers(0, 1000), st.integers(1, 12))
def test_divergence_is_none_from_itself_and_some_from_others(seed: int, top_k: int) -> None:
    """It is 0 where both agree, and never below."""
    generator = torch.Generator().manual_seed(seed)
    teacher, student = torch.randn(2, 5, 12, generator=generator) * 3
    targets = _targets(teacher, top_k)

    assert torch.allclose(divergence(teacher, targets), torch.zeros(5), atol=1e-4)
    assert (divergence(student, targets) > -1e-4).all()


def test_divergence_over_all_tokens_is_that_of_kullback_and_leibler() -> None:
    """With every token kept, nothing is left to the rest."""
    teacher, student = torch.randn(2, 4, 9, generator=torch.Generator().manual_seed(0))
    said, taught = student.log_softmax(-1), teacher.log_softmax(-1)
    by_hand = (taught.exp() * (taught - said)).sum(-1)

    assert torch.allclose(divergence(student, _targets(teacher, 9)), by_hand, atol=1e-3)


def test_shift_sees_an_unlikely_word_become_likelier() -> None:
    """Where the divergence is next to nothing, the word that comes still counts."""
    teacher = torch.tensor([[10.0, 9.0, 0.0, 0.0]])
    student = torch.tensor([[10.0, 9.0, 0.0, 2.3]])  # the last token, ten times likelier
    targets = _targets(teacher, 2, label=3)

    assert divergence(student, targets) < 1e-3
    assert log_shift(student, targets) > 2
    assert log_shift(teacher, targets).item() == pytest.approx(0.0, abs=1e-6)


def test_targets_are_the_unplugged_models_words(llama: BaseModel) -> None:
    """Each example's own tokens, with the likeliest first."""
    targets = Teacher(llama, 4).targets(GROUP)
    with torch.no_grad():
        own = supervised_logits(llama, row_on(llama, GROUP)).log_softmax(-1)

    assert [len(each.ids) for each in targets] == [3, 1]
    assert torch.equal(targets[1].ids[0], own[3].topk(4).indices)
    assert torch.allclose(targets[0].log_probabilities, own[:3].topk(4).values)


def test_a_group_is_read_once(llama: BaseModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked again, the teacher gives the same tensors without a forward pass."""
    teacher = Teacher(llama, 4)
    first = teacher.targets(GROUP)
    passes: list[None] = []
    handle = llama.model.register_forward_pre_hook(lambda *_: passes.append(None))
    try:
        again = teacher.targets(ExampleGroup(GROUP.prefix, GROUP.examples))
    finally:
        handle.remove()

    assert again is first
    assert not passes
