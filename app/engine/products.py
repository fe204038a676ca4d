"""The linear layers' products for few tokens: W·xᵀ in place of x·Wᵀ where that is faster.

Some CPU libraries lay the whole weight matrix out anew for each product with a few rows, but not if
it is the one on the left. Nothing but the order of the product differs. Knows no rows.
"""

import time
from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import accumulate
from statistics import median

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

_FEW_TOKENS = range(2, 49)
_TRIED_TOKENS, _TRIED_BYTES, _TRIES = 16, 256 * 1024**2, 3


class Products:
    """The linear layers of one model, and which way round they are fast."""

    def __init__(self, model: nn.Module) -> None:
        """Try both ways, on a CPU."""
        layers = [module for module in model.modules() if type(module) is nn.Linear]
        self._turned = layers if _is_faster_turned(layers) else []

    @contextmanager
    def for_tokens(self, num_tokens: int) -> Iterator[None]:
        """Let a pass over so many tokens take the faster way; the model is as before afterwards."""
        turned = self._turned if num_tokens in _FEW_TOKENS else []
        try:
            for layer in turned:
                layer.__dict__["forward"] = partial(_turned, layer)
            yield
        finally:
            for layer in turned:
                layer.__dict__.pop("forward", None)


def _turned(layer: nn.Linear, tokens: Tensor) -> Tensor:
    """Return what the layer gives for tokens [..., N, in]: [..., N, out]."""
    product = torch.mm(layer.weight, tokens.flatten(0, -2).T).T.contiguous()
    if layer.bias is not None:
        product += layer.bias
    return product.view(*tokens.shape[:-1], -1)


@torch.inference_mode()
def _is_faster_turned(layers: Sequence[nn.Linear]) -> bool:
    if not layers or layers[0].weight.device.type != "cpu":
        return False
    tried = _first_of(layers, _TRIED_BYTES)
    inputs = [
        torch.ones(_TRIED_TOKENS, layer.in_features, dtype=layer.weight.dtype) for layer in tried
    ]

    def seconds(product: Callable[[nn.Linear, Tensor], object]) -> float:
        started = time.perf_counter()
        for layer, tokens in zip(tried, inputs, strict=True):
            product(layer, tokens)
        return time.perf_counter() - started

    rounds = [(seconds(_turned), seconds(_usual)) for _ in range(_TRIES + 1)][1:]
    return median(one for one, _ in rounds) < median(two for _, two in rounds)


def _first_of(layers: Sequence[nn.Linear], most_bytes: int) -> list[nn.Linear]:
    """Return layers from the front, at least one: more than caches hold, and soon tried."""
    sizes = accumulate(layer.weight.nbytes for layer in layers)
    return list(layers[: max(1, bisect(list(sizes), most_bytes))])


def _usual(layer: nn.Linear, tokens: Tensor) -> Tensor:
    return linear(tokens, layer.weight, layer.bias)
