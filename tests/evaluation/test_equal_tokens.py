"""Equal training tokens: a method without contexts gets more epochs."""

from dataclasses import replace

import pytest

from app.evaluation.equal_tokens import with_as_many_tokens
from app.lift.base_model import BaseModel
from app.lift.config import MethodConfig
from app.lift.pipeline import prepare
from app.lift.trainer import plan_steps
from tests.evaluation.conftest import MakeBench
from tests.evaluation.corpora import LAMP
from tests.lift.conftest import TEXT


def _num_tokens(base: BaseModel, method: MethodConfig) -> int:
    steps = plan_steps(base, prepare(TEXT, base, method), method)
    return sum(row.num_tokens for rows in steps for row in rows)


@pytest.mark.parametrize(("recitations", "joint"), [(1, 0), (3, 5), (0, 2)])
def test_epochs_are_added_until_as_many_tokens_are_processed(
    llama: BaseModel, small: MethodConfig, recitations: int, joint: int
) -> None:
    """No fewer than the other's, and at most one epoch of each stage more than that takes."""
    lift = replace(
        small,
        recitation_context_tokens=200,
        recitation_epochs=recitations,
        joint_epochs=joint,
        num_qa_pairs=0,
    )
    bare = replace(lift, recitation_context_tokens=0)
    more = with_as_many_tokens(llama, TEXT, bare, lift)
    one_epoch = _num_tokens(llama, replace(bare, recitation_epochs=1, joint_epochs=0))

    assert replace(more, recitation_epochs=recitations, joint_epochs=joint) == bare
    assert 0 <= _num_tokens(llama, more) - _num_tokens(llama, lift) <= 2 * one_epoch


def test_method_without_contexts_gets_the_tokens_of_lift(make_bench: MakeBench) -> None:
    """With the entry's own options on both sides; its plain sister keeps its epochs."""
    bench = make_bench(
        "lift,lift-no-ct,lift-no-ct-equal,lift-no-ct-equal:recitation_epochs=2", documents=(LAMP,)
    )
    lift, plain, equal, twice = (bench.config(entry, LAMP) for entry in bench.entries)

    assert (lift.recitation_epochs, plain.recitation_epochs) == (1, 1)
    assert equal.recitation_epochs > 1
    assert equal.recitation_context_tokens == plain.recitation_context_tokens == 0
    assert twice.recitation_epochs > equal.recitation_epochs
