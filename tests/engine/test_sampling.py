"""How tokens are drawn."""

from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from app.engine.answerer import Sampling
from app.engine.sampling import draw_by, log_probabilities

LOGITS = torch.tensor([2.0, 0.0, 1.0, -1.0])
"""Chances 0.64, 0.09, 0.24 and 0.03."""


def draws(sampling: Sampling, num: int = 200) -> list[int]:
    draw = draw_by(sampling)
    return [draw(LOGITS) for _ in range(num)]


def test_temperature_zero_takes_the_likeliest() -> None:
    """Whatever the seed."""
    assert set(draws(Sampling(seed=3), 5)) == {0}


def test_the_same_seed_draws_the_same() -> None:
    """Another one, or none, draws otherwise."""
    first, again, other, *free = (
        draws(Sampling(temperature=1.0, seed=seed)) for seed in (1, 1, 2, None, None)
    )

    assert first == again != other
    assert free[0] != free[1]


def test_drawing_leaves_the_global_generator_alone() -> None:
    """Each answer has a generator of its own."""
    before = torch.random.get_rng_state()
    draws(Sampling(temperature=1.0))
    draws(Sampling(temperature=1.0, seed=1))

    assert torch.equal(torch.random.get_rng_state(), before)


def test_tokens_are_drawn_as_often_as_they_are_likely() -> None:
    """At temperature 1, by the model's own probabilities."""
    counts = Counter(draws(Sampling(temperature=1.0, seed=1), 4000))

    for token, chance in enumerate(LOGITS.softmax(-1).tolist()):
        assert counts[token] / 4000 == pytest.approx(chance, abs=0.03)


@pytest.mark.parametrize(
    ("top_p", "tokens"),
    [(0.01, {0}), (0.6, {0}), (0.7, {0, 2}), (0.9, {0, 2, 1}), (1.0, {0, 1, 2, 3})],
)
def test_top_p_draws_from_the_fewest_that_are_so_likely_together(
    top_p: float, tokens: set[int]
) -> None:
    """The token that reaches the share is still one of them."""
    assert set(draws(Sampling(temperature=1.0, top_p=top_p, seed=1), 600)) == tokens


@given(st.floats(1e-300, 2.0, exclude_min=True))
def test_no_temperature_overflows(temperature: float) -> None:
    """However near to 0, some token is drawn."""
    assert draws(Sampling(temperature=temperature, seed=1), 1)[0] in range(4)


def test_log_probabilities_are_those_of_the_logits() -> None:
    """Before temperature, the likeliest first; no more than there are tokens."""
    expected = LOGITS.log_softmax(-1).tolist()
    taken, likeliest = log_probabilities(LOGITS, 1, 2)

    assert taken == pytest.approx(expected[1])
    assert [token for token, _ in likeliest] == [0, 2]
    assert [value for _, value in likeliest] == pytest.approx([expected[0], expected[2]])
    assert len(log_probabilities(LOGITS, 1, 20)[1]) == 4
