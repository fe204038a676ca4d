"""The base model: found, loaded once, frozen, and tapped for a memory.

Knows where weights come from (`sources.py`) only by a folder or an id.
"""

import hashlib
import json
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils.logging import disable_progress_bar

from app.lift.chat import ChatFormat, chat_format
from app.lift.device import choose_device, choose_dtype
from app.lift.errors import BaseModelError
from app.lift.low_rank import LowRankMemory
from app.lift.memory import GateTrace, HeadShape, Memory, MemorySocket
from app.lift.probe import tap_attention
from app.lift.quantization import choose_quantization, quantization_of
from app.lift.sources import resolve_source
from app.lift.tokenizing import plain_ids

# Loading is told of in one line, not in bars in a log.
disable_progress_bar()  # type: ignore[no-untyped-call]
Pluggable = Memory | LowRankMemory
"""Any memory that a base model can read, whatever its kind."""

_SAMPLED_VALUES = 4096
_UNREADABLE = (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError)
"""What transformers raises for a model that is missing, damaged, of an unknown kind, or quantised
in a way that needs a package."""
_CONFIG_KEYS = (
    "model_type hidden_size num_hidden_layers num_attention_heads num_key_value_heads head_dim "
    "rope_parameters vocab_size"
)


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A frozen causal language model with its tokenizer and a socket for one memory."""

    name: str
    """As it was asked for in the settings."""
    model: Any
    tokenizer: Any
    socket: MemorySocket
    chat: ChatFormat
    fingerprint: str
    """Hash of the architecture and of a sample of every weight, the same in every dtype; of a
    quantised model, of the scheme and of what its weights became, which depends on the dtype."""
    tokenizer_hash: str
    quantization: str
    """What the weights are: `none`, `int8`, `nf4`, or the scheme that the files came in."""

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        device: torch.device = self.model.device
        return device

    @property
    def dtype(self) -> torch.dtype:
        """What the weights are computed in."""
        dtype: torch.dtype = self.model.dtype
        return dtype

    @property
    def max_positions(self) -> int:
        """Longest sequence that the model reads in one and the same way, in tokens.

        Where longer ones get another rotary step (longrope), keys that were kept would not fit it.
        """
        config = self.model.config.get_text_config()
        rotary = getattr(config, "rope_parameters", None) or {}
        if rotary.get("rope_type") == "longrope":
            return int(rotary["original_max_position_embeddings"])
        return int(config.max_position_embeddings)

    @property
    def shapes(self) -> tuple[HeadShape, ...]:
        """What a memory for this model must fit, layer by layer."""
        return self.socket.shapes

    @property
    def stop_ids(self) -> frozenset[int]:
        """Tokens that end a reply."""
        configured = self.model.generation_config.eos_token_id
        ids = configured if isinstance(configured, list) else [configured]
        known = {*ids, self.chat.reply_end, self.tokenizer.eos_token_id} - {None}
        return frozenset(known)

    def tokenize(self, text: str) -> list[int]:
        """Return the text's token ids: what looks like a special token in it is plain text."""
        return plain_ids(self.tokenizer, text)

    @property
    def decoder(self) -> nn.Module:
        """The stack of layers between token embeddings and vocabulary."""
        decoder: nn.Module = self.model.get_decoder()
        return decoder

    def plugged(self, memory: Pluggable) -> AbstractContextManager[GateTrace | None]:
        """Let the model read `memory` inside the block, and unplug it; None has no gates."""
        if isinstance(memory, LowRankMemory):
            return memory.plugged_into(self.decoder)
        return self.socket.plugged(memory)


def load_base_model(
    source: str,
    cache_dir: Path,
    device: str = "auto",
    dtype: str = "auto",
    quantization: str = "none",
) -> BaseModel:
    """Load, freeze and probe a base model.

    Args:
        source: `smollm2`, a local folder, a GGUF file, or a Hugging Face id.
        cache_dir: folder that keeps models converted from GGUF.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        dtype: `auto`, `float32` or `bfloat16`; auto times both on the device.
        quantization: `none`, `int8` or `nf4`; see `choose_quantization`.

    Raises:
        BaseModelError: the model cannot be had or cannot carry a memory; says what to do.
    """
    torch_device = choose_device(device)
    torch_dtype = choose_dtype(dtype, torch_device)
    quantized = choose_quantization(quantization, torch_device, torch_dtype)
    location = resolve_source(source, cache_dir)
    try:
        tokenizer = AutoTokenizer.from_pretrained(location)
        model: Any = AutoModelForCausalLM.from_pretrained(
            location,
            dtype=torch_dtype,
            quantization_config=quantized,
            device_map={"": torch_device},
            use_safetensors=True,  # what pickle would run is nobody's to send us
        )
    except _UNREADABLE as error:
        raise BaseModelError(_cannot_be_had(source, error)) from error
    return wrap_model(source, model, tokenizer)


def wrap_model(name: str, model: Any, tokenizer: Any) -> BaseModel:
    """Freeze and probe a model that is already in memory.

    Raises:
        BaseModelError: its attention cannot carry a memory.
    """
    model.eval().requires_grad_(False)
    return BaseModel(
        name=name,
        model=model,
        tokenizer=tokenizer,
        socket=MemorySocket(tap_attention(model)),
        chat=chat_format(tokenizer),
        fingerprint=_fingerprint(model),
        tokenizer_hash=_tokenizer_hash(tokenizer),
        quantization=quantization_of(model),
    )


def _cannot_be_had(source: str, error: Exception) -> str:
    first_line = str(error).strip().split("\n")[0]
    return (
        f"the base model {source!r} cannot be loaded ({first_line}). Set LIFT_MODEL to `smollm2`, "
        "to a folder with a Hugging Face model, to a GGUF file, or to a Hugging Face id that this "
        "machine can download (gated models need HF_TOKEN)."
    )


def _fingerprint(model: Any) -> str:
    config = model.config.get_text_config().to_dict()
    digest = hashlib.sha256(json.dumps([config.get(key) for key in _CONFIG_KEYS.split()]).encode())
    scheme = quantization_of(model)
    if scheme == "none":
        weights = model.named_parameters()
    else:
        digest.update(scheme.encode())
        weights = model.state_dict().items()  # with the scales, which are no parameters
    for name, weight in weights:
        digest.update(f"{name}{tuple(weight.shape)}".encode())
        digest.update(_sample(weight).tobytes())
    return digest.hexdigest()


def _sample(weight: Tensor) -> Any:
    flat = weight.detach().flatten()
    picked = flat[:: max(1, flat.numel() // _SAMPLED_VALUES)]
    return picked.to(torch.bfloat16).view(torch.int16).cpu().numpy()


def _tokenizer_hash(tokenizer: Any) -> str:
    vocabulary = json.dumps(sorted(tokenizer.get_vocab().items()))
    return hashlib.sha256(vocabulary.encode()).hexdigest()
