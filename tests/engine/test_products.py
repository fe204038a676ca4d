"""Products for few tokens: whichever way round, they are the layers' own."""

import pytest
import torch
from torch import nn

from app.engine.products import Products


@pytest.fixture
def model() -> nn.Module:
    """Two linear layers, one with a bias, and something that is none."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(24, 40, bias=False), nn.SiLU(), nn.Linear(40, 8))


@pytest.mark.parametrize("size", [(1, 2, 24), (1, 16, 24), (16, 24), (2, 3, 24), (1, 48, 24)])
def test_turned_products_are_the_layers_own(
    model: nn.Module, size: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order of the factors changes roundings at most, and no shape."""
    monkeypatch.setattr("app.engine.products._is_faster_turned", lambda _: True)
    tokens = torch.randn(size)
    expected = model(tokens)
    with Products(model).for_tokens(16):
        turned = model(tokens)

    torch.testing.assert_close(turned, expected)
    assert turned.is_contiguous()


@pytest.mark.parametrize("is_faster", [True, False])
@pytest.mark.parametrize("num_tokens", [1, 16, 400])
def test_model_is_as_before_after_a_pass(
    model: nn.Module, is_faster: bool, num_tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a pass over few tokens is turned, and nothing of the model stays changed."""
    monkeypatch.setattr("app.engine.products._is_faster_turned", lambda _: is_faster)
    products = Products(model)
    before = [dict(layer.__dict__) for layer in model]
    with products.for_tokens(num_tokens):
        turned = ["forward" in layer.__dict__ for layer in model]

    assert turned == ([True, False, True] if is_faster and num_tokens == 16 else [False] * 3)
    assert [layer.__dict__ for layer in model] == before


def test_either_way_may_be_found_faster(model: nn.Module) -> None:
    """The trial itself runs, on layers of any size."""
    Products(model)
    Products(nn.Sequential(nn.SiLU()))
