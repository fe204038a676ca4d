"""Tokenizers as they are met in the wild, for tests of what becomes of tokens."""

from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from tests.tiny import tiny_tokenizer

TEXTS = (
    "Grüße, 世界! 👩\u200d👩\u200d👧 said 42 times",
    " e\u0301 tiếng Việt\n\n\tof  two  spaces 🇩🇪 ",
    "\ufffd is a character, too: \ufffd\ufffd",
)


@pytest.fixture(params=["byte-level", "byte-fallback", "smollm2"], scope="session")
def tokenizer(request: pytest.FixtureRequest) -> Any:
    """Each kind; SmolLM2's if a test run has converted the model before."""
    match request.param:
        case "byte-level":
            return tiny_tokenizer()
        case "byte-fallback":
            return _byte_fallback()
    assert request.config.cache
    folders = list(Path(request.config.cache.mkdir("models")).glob("SmolLM2*/tokenizer.json"))
    if not folders:
        pytest.skip("the real model was not converted yet: tests/e2e does")
    return AutoTokenizer.from_pretrained(folders[0].parent)


def _byte_fallback() -> PreTrainedTokenizerFast:
    """Make one like Llama 2's and Gemma's: `▁` for a space, and bytes for what has no token."""
    words = ["▁", *"abdeimnostuwSGV!,ü世", "▁t", "es"]
    names = ["<unk>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *words]
    vocabulary = {name: number for number, name in enumerate(names)}
    merges = [("▁", "t"), ("e", "s")]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>")
