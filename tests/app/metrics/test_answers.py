"""What those who ask wait for: one first token, gaps between the others, and how it ended."""

from collections.abc import Generator
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from app.engine.answerer import Piece, Reply
from app.errors import EngineBusyError
from app.metrics.answers import AnswerMetrics
from app.storage import StoreError
from tests.app.metrics.parsed import Parsed

REPLY = Reply(
    text="It is so.",
    memory_share=0.25,
    finish_reason="stop",
    prompt_tokens=20,
    completion_tokens=3,
    swap_seconds=0.1,
    first_token_seconds=0.2,
    total_seconds=0.3,
)
Answer = Generator[Piece | Reply, None, None]


@pytest.fixture
def registry() -> CollectorRegistry:
    """A registry of the test's own."""
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> AnswerMetrics:
    """What counts answers in it."""
    return AnswerMetrics(registry)


def told(registry: CollectorRegistry) -> Parsed:
    return Parsed(generate_latest(registry).decode())


def failures(found: Parsed) -> float:
    name = "lift_request_failures_total"
    return sum(found.value(name, **labels) for labels in found.labels(name))


def answer(reply: Reply = REPLY) -> Answer:
    for word in ("It ", "is ", "so."):
        yield Piece(word, reply.memory_share)
    yield reply


def refused(error: Exception) -> Answer:
    yield Piece("It ", None)
    raise error


def test_answer_is_measured_token_by_token(
    registry: CollectorRegistry, metrics: AnswerMetrics
) -> None:
    """Three tokens are one wait and two gaps, and the pieces are what they were."""
    assert list(metrics.measured(answer())) == list(answer())

    found = told(registry)
    assert found.value("lift_time_to_first_token_seconds_count") == 1
    assert found.value("lift_inter_token_latency_seconds_count") == 2
    assert found.value("lift_e2e_request_latency_seconds_count") == 1
    assert found.value("lift_generation_tokens_total") == 3
    assert found.value("lift_prompt_tokens_total") == 20
    assert found.value("lift_request_success_total", finished_reason="stop") == 1
    assert found.value("lift_memory_share_ratio_sum") == 0.25
    assert failures(found) == 0


def test_answer_without_a_memory_has_no_share(
    registry: CollectorRegistry, metrics: AnswerMetrics
) -> None:
    """It would pull the distribution towards 0."""
    list(metrics.measured(answer(replace(REPLY, memory_share=None))))

    assert told(registry).value("lift_memory_share_ratio_count") == 0


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (EngineBusyError(), "engine_busy"),
        (StoreError("away"), "store_unavailable"),
        (ZeroDivisionError(), "internal_error"),
    ],
)
def test_failure_is_counted_by_its_code(
    registry: CollectorRegistry, metrics: AnswerMetrics, error: Exception, reason: str
) -> None:
    """What the client hears is what is counted, and nothing is swallowed."""
    with pytest.raises(type(error)):
        list(metrics.measured(refused(error)))

    found = told(registry)
    assert found.value("lift_request_failures_total", reason=reason) == 1
    assert failures(found) == 1
    assert found.value("lift_request_success_total", finished_reason="stop") == 0


def test_answer_that_nobody_waits_for_is_aborted(
    registry: CollectorRegistry, metrics: AnswerMetrics
) -> None:
    """What was said until then was said, and the engine is told at once."""
    asked = answer()
    measured = metrics.measured(asked)
    next(measured)

    measured.close()

    found = told(registry)
    assert found.value("lift_request_failures_total", reason="aborted") == 1
    assert found.value("lift_generation_tokens_total") == 1
    assert asked.gi_frame is None  # closed


def test_answer_that_was_heard_whole_is_not_aborted(
    registry: CollectorRegistry, metrics: AnswerMetrics
) -> None:
    """Whoever takes the reply need not ask for more."""
    measured = metrics.measured(answer())
    while not isinstance(next(measured), Reply):
        pass

    measured.close()

    assert failures(told(registry)) == 0
