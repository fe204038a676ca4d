"""The engine with recorded steps, as on CUDA: its answers are those without."""

from collections.abc import Callable

import pytest

from app.engine.batching import BatchingAnswerer
from app.engine.keys_values import Pool
from app.engine.recorded.steps import RecordedSteps
from app.engine.slots import Slots
from app.lift.base_model import BaseModel
from tests.engine.batching.conftest import Making, alone, at_once
from tests.engine.recorded.tapes import tape
from tests.engine.recorded.test_steps import varlen_in_products
from tests.tiny import tiny_base


def test_answers_with_recorded_steps_are_those_given_alone(
    start: Callable[..., BatchingAnswerer],
    unlike: Callable,
    ask: Callable,
    make_adapter: Making,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rows come and go, with memories and without: prompts are run, what is said is played.

    A memory outside the slots is never missed by a step that is played.
    """
    base, played = tiny_base(), list[int]()
    asks = [*unlike(base), ask("lora", make_adapter(base, 5, kind="lora"), 3)]
    expected = alone(base, asks)

    class Counted(RecordedSteps):
        def forward(self, parts):  # type: ignore[no-untyped-def]
            passed = super().forward(parts)
            played.extend([] if passed is None else [len(parts)])
            return passed

    def recorded(base: BaseModel, pool: Pool, slots: Slots) -> RecordedSteps:
        return Counted(base, pool, slots, tape)

    monkeypatch.setattr("app.engine.batching._recorded", recorded)
    monkeypatch.setattr("app.engine.recorded.steps.can_attend", lambda *_: True)
    monkeypatch.setattr("app.engine.paged.varlen_attn", varlen_in_products)
    said = at_once(base, start(base), asks)

    assert said == expected
    assert max(played) > 1
