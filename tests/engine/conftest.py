"""Engines over tiny models, questions to them, and tokenizers as they are met in the wild."""

from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from app.engine.answerer import AdapterFile, Ask
from app.engine.batching import BatchingAnswerer
from app.lift.adapter import Lifted, write_adapter
from app.lift.config import MethodConfig
from tests.engine.banks import make_bank  # noqa: F401 - a fixture
from tests.engine.engines import (  # noqa: F401 - fixtures
    any_answerer,
    apart,
    shared_apart,
    start_apart,
    tiny_folder,
)
from tests.lift.conftest import (  # noqa: F401 - fixtures
    TEXT,
    make_low_rank,
    make_memory,
    small,
)
from tests.tiny import tiny_base, tiny_tokenizer

QUESTION = "Who lit the lamp?"

TEXTS = (
    "Grüße, 世界! 👩\u200d👩\u200d👧 said 42 times",
    " e\u0301 tiếng Việt\n\n\tof  two  spaces 🇩🇪 ",
    "\ufffd is a character, too: \ufffd\ufffd",
)


def path_of(adapter: AdapterFile) -> Path:
    """Return where an adapter's file lies."""
    with adapter.fetch() as path:
        return path


@pytest.fixture
def answerer() -> Iterator[BatchingAnswerer]:
    """A fresh engine over the tiny llama."""
    with closing(BatchingAnswerer(tiny_base())) as engine:
        yield engine


@pytest.fixture
def adapters(tmp_path: Path, make_memory: Callable) -> list[AdapterFile]:  # noqa: F811
    """Adapter files of two documents."""
    files = []
    for seed in (1, 2):
        path = tmp_path / f"{seed}.safetensors"
        base = tiny_base()
        lifted = Lifted(make_memory(base, seed), base, MethodConfig(), 1, 0, 1, (1.0,))
        info = write_adapter(path, lifted, document_sha256="", preset="paper", created_at="")
        files.append(AdapterFile(partial(nullcontext, path), info.sha256))
    return files


@pytest.fixture
def ask(small: MethodConfig) -> Callable[..., Ask]:  # noqa: F811
    """Ask the question, with an adapter or without; each adapter is another document's."""

    def make(adapter: AdapterFile | None = None, question: str = QUESTION, tokens: int = 12) -> Ask:
        document_id = path_of(adapter).stem if adapter else "doc"
        return Ask(question, document_id, lambda: TEXT, small, adapter, tokens)

    return make


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
