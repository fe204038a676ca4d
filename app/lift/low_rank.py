"""Low-rank memories: LoRA and PiSSA, the rivals of Gated Memory (paper, Tables 6 and 7).

A pair of matrices beside a linear layer of the base model adds what it has learnt to the layer's
output. Knows linear layers by their hooks only: no weight is written, and an unplugged model gives
its own output bit for bit. I and O are a layer's input and output sizes, R the rank.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from torch.utils.hooks import RemovableHandle


class LoraPair(nn.Module):
    """LoRA beside one linear layer (arXiv 2106.09685): adds s·BAx.

    A = `down` [R, I], B = `up` [O, R], s = `scale`. Weights are kept in float32 and used in the
    layer's dtype.
    """

    def __init__(self, layer: nn.Linear, rank: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.down = nn.Parameter(torch.zeros(rank, layer.in_features))
        self.up = nn.Parameter(torch.zeros(layer.out_features, rank))

    @torch.no_grad()
    def start_from(self, down: Tensor, up: Tensor) -> None:
        """Take the initial weights."""
        self.down.copy_(down)
        self.up.copy_(up)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return what is added to the layer's output for its input [B, T, I]."""
        return self.scale * _project(_project(hidden, self.down), self.up)  # [B, T, O]

    @torch.no_grad()
    def draw_back(self, share: float) -> None:
        """Keep a share of what was learnt: B = 0 adds nothing."""
        self.up.mul_(share)

    def folded(self) -> "LoraPair":
        """Return what adds the same, for answering only: itself."""
        return self


class PissaPair(nn.Module):
    """PiSSA beside one linear layer (arXiv 2404.02948): adds s·(BA − B₀A₀)x.

    PiSSA trains the principal part s·B₀A₀ of a weight W and freezes the rest. The base model's W
    stays whole here, so what the principal part gave is subtracted. Trained and kept are the
    changes of A = A₀ + `down_change` and B = B₀ + `up_change`: bfloat16 would lose them in A and B.
    The gradients are those of A and B; weight decay pulls to A₀ and B₀ and not to zero.
    """

    down_start: Tensor
    up_start: Tensor

    def __init__(self, layer: nn.Linear, rank: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.register_buffer("down_start", torch.zeros(rank, layer.in_features))
        self.register_buffer("up_start", torch.zeros(layer.out_features, rank))
        self.down_change = nn.Parameter(torch.zeros(rank, layer.in_features))
        self.up_change = nn.Parameter(torch.zeros(layer.out_features, rank))

    @torch.no_grad()
    def start_from(self, down: Tensor, up: Tensor) -> None:
        """Take A₀ and B₀."""
        self.down_start.copy_(down)
        self.up_start.copy_(up)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return what is added to the layer's output for its input [B, T, I]."""
        changed = _project(hidden, self.down_change)  # [B, T, R]
        inner = _project(hidden, self.down_start) + changed  # [B, T, R]
        added = _project(inner, self.up_change) + _project(changed, self.up_start)  # [B, T, O]
        return self.scale * added

    @torch.no_grad()
    def draw_back(self, share: float) -> None:
        """Keep a share of the way from A₀ to A, and from B₀ to B."""
        self.down_change.mul_(share)
        self.up_change.mul_(share)

    @torch.no_grad()
    def folded(self) -> LoraPair:
        """Return what adds the same, for answering only: BA − B₀A₀ as ΔB·A + B₀·ΔA, of rank 2R.

        In bfloat16, too, neither change is lost beside its start.
        """
        down = torch.cat([self.down_start + self.down_change, self.down_change])  # [2R, I]
        up = torch.cat([self.up_change, self.up_start], dim=1)  # [O, 2R]
        with torch.device("meta"):
            pair = LoraPair(nn.Linear(down.shape[1], len(up)), len(down), self.scale)
        pair.down, pair.up = nn.Parameter(down), nn.Parameter(up)
        return pair.requires_grad_(False)


def _project(hidden: Tensor, weight: Tensor) -> Tensor:
    return linear(hidden, weight.to(hidden.dtype))


Pair = LoraPair | PissaPair
Tokens = slice | Tensor
"""Which of the tokens of a row, by their numbers."""
Hook = Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]
"""What a layer's output becomes."""


class LowRankMemory(nn.Module):
    """The memory of one document: a pair for each adapted layer, under that layer's own name."""

    def __init__(self, pairs: Mapping[str, Pair]) -> None:
        super().__init__()
        self.pairs = dict(pairs)
        """By the names of their layers in the base model's decoder."""
        for name, pair in pairs.items():
            self._place(name, pair)

    def folded(self) -> "LowRankMemory":
        """Return the same memory for answering only: two products a layer, whatever its kind."""
        return LowRankMemory({name: pair.folded() for name, pair in self.pairs.items()})

    def draw_back(self, share: float) -> None:
        """Keep a share of what was learnt; 1/share takes that back."""
        for pair in self.pairs.values():
            pair.draw_back(share)

    @contextmanager
    def plugged_into(self, decoder: nn.Module) -> Iterator[None]:
        """Let every forward pass inside the block add what the pairs give; always unplugs."""
        with hooked(decoder, {name: _adding(pair) for name, pair in self.pairs.items()}):
            yield

    def _place(self, name: str, pair: Pair) -> None:
        *folders, last = name.split(".")
        parent: nn.Module = self
        for folder in folders:
            if folder not in dict(parent.named_children()):
                parent.add_module(folder, nn.Module())
            parent = parent.get_submodule(folder)
        parent.add_module(last, pair)


@contextmanager
def plugged_for_tokens(
    decoder: nn.Module, readers: Sequence[tuple[Tokens, LowRankMemory]]
) -> Iterator[None]:
    """Let the pass inside the block add to some tokens what their memory gives; always unplugs.

    For passes over one row of packed tokens that need no gradient.
    """
    pairs: dict[str, list[tuple[Tokens, Pair]]] = {}
    for tokens, memory in readers:
        for name, pair in memory.pairs.items():
            pairs.setdefault(name, []).append((tokens, pair))
    with hooked(decoder, {name: _adding_to_tokens(each) for name, each in pairs.items()}):
        yield


@contextmanager
def hooked(decoder: nn.Module, hooks: Mapping[str, Hook]) -> Iterator[None]:
    """Let layers, by their names in the decoder, run hooks inside the block; always unhooks."""
    handles: list[RemovableHandle] = []
    try:
        for name, hook in hooks.items():
            handles.append(decoder.get_submodule(name).register_forward_hook(hook))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _adding(pair: Pair) -> Hook:
    def add(_module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        added: Tensor = pair(args[0])
        return output + added

    return add


def _adding_to_tokens(pairs: Sequence[tuple[Tokens, Pair]]) -> Hook:
    def add(_module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        for tokens, pair in pairs:
            output[..., tokens, :] += pair(args[0][..., tokens, :])
        return output

    return add
