from hypothesis import given
from hypothesis import strategies as st

from app.cli.curve import loss_curve

_losses = st.lists(st.floats(0, 100), min_size=2, max_size=300)


@given(_losses, st.integers(1, 80), st.integers(2, 12))
def test_curve_has_the_size_asked_for(losses: list[float], width: int, height: int) -> None:
    """A curve is `height` lines, none wider than its label and `width` columns."""
    lines = loss_curve(losses, width, height).splitlines()

    assert len(lines) == height
    assert {len(line) for line in lines} == {8 + min(width, len(losses))}


def test_falling_losses_fall_to_the_right() -> None:
    """The highest column is full, the lowest is one eighth, and both are labelled."""
    assert loss_curve([4.0, 3.0, 2.0], height=2) == "  4.000 █▁ \n  2.000 ██▁"


def test_single_loss_is_no_curve() -> None:
    """One loss is not drawn."""
    assert loss_curve([1.0]) == ""
