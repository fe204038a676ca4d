"""One forward pass over parts of many rows: packed one behind the other, each seeing itself alone.

The model's linear layers see N tokens in one row; attention takes them apart again. The model is
told to call us for attention while a pass runs, and is as it was afterwards.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn
from transformers import AttentionInterface

from app.engine.attention import PackedAttention
from app.engine.keys_values import Seen
from app.engine.memories import MixedReading
from app.engine.parts import Look, Part, spans_of
from app.engine.products import Products
from app.lift.base_model import BaseModel, Pluggable
from app.lift.memory import GateTrace

_NAME = "lift_packed"


class Passed(NamedTuple):
    """What a pass gave for each part's last token."""

    logits: Tensor
    """[parts, vocabulary], float32."""
    shares: list[float] | None
    """Mean gate over layers and heads; None where nothing was plugged in."""
    is_finite: list[bool]
    """Whether the logits are numbers."""


class Given(NamedTuple):
    """The same, while it is still on its way."""

    logits: Tensor
    shares: Tensor | None
    """[parts]."""
    is_finite: Tensor
    """[parts]."""

    def awaited(self, num_parts: int) -> Passed:
        """Return what was given for the first parts, once it is there."""
        shares = None if self.shares is None else self.shares[:num_parts].tolist()
        return Passed(self.logits[:num_parts], shares, self.is_finite[:num_parts].tolist())


class Attending(Protocol):
    """Stands in for the model's own attention during one pass."""

    def attend(self, layer: int, query: Tensor, new: Seen, look: Look) -> Tensor:
        """Attend for query [N, H, D] with the tokens' own keys and values [K, N, D]: [N, H, D]."""
        ...


class PackedModel:
    """A base model whose passes read parts of many rows."""

    def __init__(self, base: BaseModel) -> None:
        self._base, self._products = base, Products(base.model)

    @torch.inference_mode()
    def forward(
        self, parts: Sequence[Part], memory: Pluggable | MixedReading | None = None
    ) -> Passed:
        """Read the parts' tokens behind what their rows have seen, and advance the rows.

        `memory` is read by all tokens, or by those of its rows if it was made for these parts.
        """
        device = self._base.device
        ids = [token for part in parts for token in part.ids]
        places = [part.cache.num_tokens + place for part in parts for place in range(len(part.ids))]
        last = torch.tensor([span.end - 1 for span in spans_of(parts)], device=device)
        with self._products.for_tokens(len(ids)):
            given = read_tokens(
                self._base,
                torch.tensor(ids, device=device),
                torch.tensor(places, device=device),
                last,
                PackedAttention(parts, device),
                memory,
            )
        for part in parts:
            part.cache.advance(len(part.ids))
        return given.awaited(len(parts))


def read_tokens(
    base: BaseModel,
    ids: Tensor,
    positions: Tensor,
    last: Tensor,
    attention: Attending,
    memory: Pluggable | MixedReading | None,
) -> Given:
    """Read tokens `ids` [N] at `positions` [N]; gives what follows those at `last` [parts]."""
    with _attending(base, attention), _plugged(base, memory) as trace:
        output = base.model(
            input_ids=ids[None],
            position_ids=positions[None],
            use_cache=False,
            logits_to_keep=last,
        )
        shares = trace.share_at(last) if trace else None
    logits = output.logits[0].float()
    return Given(logits, shares, logits.sum(-1).isfinite())


def _plugged(
    base: BaseModel, memory: Pluggable | MixedReading | None
) -> AbstractContextManager[GateTrace | None]:
    if isinstance(memory, MixedReading):
        return memory.plugged_into(base)
    return nullcontext() if memory is None else base.plugged(memory)


_current: ContextVar[Attending] = ContextVar("attention")


@contextmanager
def _attending(base: BaseModel, attention: Attending) -> Iterator[None]:
    config: Any = base.decoder.config
    usual, token = config._attn_implementation, _current.set(attention)
    config._attn_implementation = _NAME
    try:
        yield
    finally:
        config._attn_implementation = usual
        _current.reset(token)


def _attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    _mask: Tensor | None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attend for query [1, H, N, D] and key, value [1, K, N, D]; gives [1, N, H, D]."""
    layer: Any = module.layer_idx
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    attended = _current.get().attend(
        layer,
        query[0].transpose(0, 1),
        Seen(key[0], value[0]),
        Look(scale, sliding_window, softcap),
    )
    return attended[None], None


AttentionInterface.register(_NAME, _attend)
