"""A tiny random base model and byte tokenizer, built in code: the whole path runs in seconds."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    LlamaConfig,
    MistralConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
)

from app.lift.base_model import BaseModel, wrap_model

FAMILIES = ("llama", "qwen2", "qwen3", "mistral", "gemma2")

_CONFIGS = {
    "llama": LlamaConfig,
    "qwen2": Qwen2Config,
    "qwen3": Qwen3Config,
    "mistral": MistralConfig,
    "gemma2": Gemma2Config,
}
_SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
_TEMPLATE = (
    "<s>{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}</s>{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)


def tiny_base(family: str = "llama", *, sliding_window: int | None = None) -> BaseModel:
    """Return a wrapped random model of a family, the same weights every time."""
    return wrap_model(f"tiny-{family}", tiny_model(family, sliding_window), tiny_tokenizer())


def save_tiny_model(folder: Path, family: str = "llama") -> None:
    """Write a tiny model to a folder that LIFT_MODEL can name."""
    tiny_model(family).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)


def tiny_model(family: str = "llama", sliding_window: int | None = None) -> Any:
    """Return a random three-layer model with grouped-query attention."""
    tokenizer = tiny_tokenizer()
    extra = {"sliding_window": sliding_window} if sliding_window else {}
    if family == "mistral" and not sliding_window:
        extra = {"sliding_window": None}
    config = _CONFIGS[family](
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=16_384,
        initializer_range=0.2,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **extra,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config)
    return model.float().eval()


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """Return a byte-level tokenizer: one token a byte, and three special ones."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {symbol: index for index, symbol in enumerate([*_SPECIAL.values(), *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, chat_template=_TEMPLATE, **_SPECIAL)
