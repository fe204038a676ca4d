"""A recorder that needs no GPU: it plays the very operations again, over the very same memory.

As CUDA's graphs do, it holds results where they were, and refuses what would have to wait for the
device or to read from the host while it records.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

Result = TypeVar("Result")
_ASKS_BACK = {"_local_scalar_dense", "nonzero", "is_nonzero", "equal", "masked_select", "unique"}


class HostReadError(Exception):
    """Something that was recorded wants numbers back, or brings some."""


def tape(function: Callable[[], Result]) -> Callable[[], Result]:
    """Run a function, and return what does the same to the same tensors again."""
    listening = _Listening()
    with listening:
        given = function()

    def play() -> Result:
        for operation, args, options, results in listening.operations:
            again = operation(*args, **options)
            for old, new in zip(_tensors(results), _tensors(again), strict=True):
                if old.data_ptr() != new.data_ptr():  # a view, or changed in its place
                    old.copy_(new)
        return given

    return play


class _Listening(TorchDispatchMode):
    """Notes each operation with what it was given and what it gave."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        name, options = func.overloadpacket.__name__, kwargs or {}
        if name in _ASKS_BACK or (name == "lift_fresh" and args[0].dim()):
            raise HostReadError(name)
        given = func(*args, **options)
        self.operations.append((func, args, options, given))
        return given


def _tensors(results: object) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(results) if isinstance(leaf, Tensor)]
