"""LoRA and PiSSA as kinds of memory: which layers they adapt, at what rank, how they start.

The paper's PiSSA has rank 128 (Table 8). `lora_rank` None takes the rank at which a rival trains as
many parameters as Gated Memory would, as nearly as whole ranks allow: the ablation's equal budget.
"""

import math
from collections.abc import Mapping

from torch import nn

from app.lift.base_model import BaseModel
from app.lift.config import ALL_LINEAR, LARGEST_LORA_NUMBER, MethodConfig
from app.lift.errors import MemoryFormError
from app.lift.low_rank import LoraPair, LowRankMemory, Pair, PissaPair
from app.lift.memory import tensor_shapes


class LoraKind:
    """LoRA: starts as nothing, B = 0."""

    pair: type[Pair] = LoraPair

    def form(self, base: BaseModel, method: MethodConfig) -> dict[str, str]:
        """Return rank, alpha and the adapted layers' names, settled for `base`."""
        layers = adapted_layers(base, method.lora_target_modules)
        rank = method.lora_rank or equal_budget_rank(base, method)
        return {
            "lora_rank": str(rank),
            "lora_alpha": str(method.lora_alpha or rank),
            "lora_target_modules": ",".join(sorted({_last_part(name) for name in layers})),
        }

    def empty(self, base: BaseModel, form: Mapping[str, str]) -> LowRankMemory:
        """Return a memory of this form, all zeros."""
        rank, alpha = (_whole_number(form, name) for name in ("lora_rank", "lora_alpha"))
        layers = adapted_layers(base, form.get("lora_target_modules", ""))
        return LowRankMemory(
            {name: self.pair(layer, rank, alpha / rank) for name, layer in layers.items()}
        )

    def new(self, base: BaseModel, method: MethodConfig) -> LowRankMemory:
        """Return an untrained memory; the same seed gives the same weights."""
        from app.lift.low_rank_starts import start_like_peft  # peft takes seconds to load

        form = self.form(base, method)
        memory = self.empty(base, form)
        start_like_peft(
            memory,
            adapted_layers(base, form["lora_target_modules"]),
            rank=int(form["lora_rank"]),
            alpha=int(form["lora_alpha"]),
            init=self.peft_init(method),
            seed=method.seed,
        )
        return memory

    def peft_init(self, method: MethodConfig) -> str | bool:  # noqa: ARG002 - PiSSA's reads it
        """Return peft's `init_lora_weights`."""
        return True


class PissaKind(LoraKind):
    """PiSSA: starts at the principal part of each weight; see `PissaPair`."""

    pair = PissaPair

    def form(self, base: BaseModel, method: MethodConfig) -> dict[str, str]:
        """Return what LoRA's form holds, if the weights have a principal part of that rank."""
        form = super().form(base, method)
        layers = adapted_layers(base, form["lora_target_modules"])
        largest = min(min(layer.in_features, layer.out_features) for layer in layers.values())
        if int(form["lora_rank"]) > largest:
            raise MemoryFormError(
                f"lora_rank {form['lora_rank']!r} is more than pissa can have on {base.name!r}, "
                f"whose smallest adapted layer has the rank {largest}: choose a smaller lora_rank, "
                "other lora_target_modules, or memory_kind gated-memory (the preset balanced)"
            )
        if not all(layer.weight.is_floating_point() for layer in layers.values()):
            raise MemoryFormError(
                f"memory_kind 'pissa' needs the weights of {base.name!r} in floating point, and "
                "they are quantised: choose gated-memory (the preset balanced) or lora, or load "
                "the base model unquantised"
            )
        return form

    def peft_init(self, method: MethodConfig) -> str | bool:
        """Return peft's name of the exact or the fast decomposition."""
        iterations = method.pissa_iterations
        return "pissa" if iterations is None else f"pissa_niter_{iterations}"


def adapted_layers(base: BaseModel, target_modules: str) -> dict[str, nn.Linear]:
    """Return the decoder's linear layers that are meant, by their names in the decoder.

    Fused projections are one layer: Phi-3's query, key and value are its `qkv_proj`.

    Raises:
        MemoryFormError: a name is no linear layer's, or there is none.
    """
    modules = base.decoder.named_modules()
    layers = {name: module for name, module in modules if isinstance(module, nn.Linear)}
    known = {_last_part(name) for name in layers}
    wanted = known if target_modules == ALL_LINEAR else set(target_modules.split(","))
    if not known:
        raise MemoryFormError(
            f"{base.name!r} has no linear layers for LoRA or PiSSA: choose memory_kind "
            "gated-memory (the preset balanced)"
        )
    if not wanted <= known:
        raise MemoryFormError(
            f"lora_target_modules {target_modules!r}: the linear layers of {base.name!r} are "
            f"{', '.join(sorted(known))}"
        )
    return {name: layer for name, layer in layers.items() if _last_part(name) in wanted}


def equal_budget_rank(base: BaseModel, method: MethodConfig) -> int:
    """Return the rank whose number of trained parameters is nearest to Gated Memory's."""
    layers = adapted_layers(base, method.lora_target_modules).values()
    per_rank = sum(layer.in_features + layer.out_features for layer in layers)
    gated = tensor_shapes(base.shapes, method.memory_width_factor).values()
    return max(1, round(sum(map(math.prod, gated)) / per_rank))


def _last_part(name: str) -> str:
    return name.rpartition(".")[2]


def _whole_number(form: Mapping[str, str], name: str) -> int:
    written = form.get(name, "")
    if not written.isdecimal() or not 0 < int(written) <= LARGEST_LORA_NUMBER:
        raise MemoryFormError(f"{name} {written!r} is no number from 1 to {LARGEST_LORA_NUMBER}")
    return int(written)
